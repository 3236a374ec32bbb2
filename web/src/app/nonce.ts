import { setNonce } from 'get-nonce'

/**
 * The nonce of this page's content security policy. Browsers hide it from the
 * attribute, so it is read as a property; without a policy (the dev server)
 * there is none.
 */
export const nonce = document.querySelector<HTMLElement>('script[nonce]')?.nonce ?? ''

// Mantine's scroll lock comes from a nested dependency that asks get-nonce.
if (nonce) setNonce(nonce)
