import { type CSSVariablesResolver, createTheme, Skeleton } from '@mantine/core'
import { tokens } from './tokens'

export const theme = createTheme({
  primaryColor: 'indigo',
  // Dark enough for white text on it.
  primaryShade: { light: 8, dark: 8 },
  defaultRadius: 'sm',
  cursorType: 'pointer',
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif',
  headings: { fontWeight: '650', sizes: { h1: { fontSize: '1.375rem' }, h2: { fontSize: '1.05rem' } } },
  respectReducedMotion: true,
  // Without a role a name is none: screen readers would say nothing while we wait.
  components: { Skeleton: Skeleton.extend({ defaultProps: { role: 'status' } }) },
})

/** Mantine's own greys that fall short of 4.5:1 are replaced by ours. */
const replaced = {
  '--mantine-color-body': '--sc-surface',
  '--mantine-color-text': '--sc-text',
  '--mantine-color-dimmed': '--sc-muted',
  '--mantine-color-placeholder': '--sc-muted',
  '--mantine-color-error': '--sc-error',
  '--mantine-color-anchor': '--sc-link',
  '--mantine-color-default-border': '--sc-line',
} as const

export const variables: CSSVariablesResolver = () => {
  const scheme = (index: 0 | 1) => ({
    ...Object.fromEntries(Object.entries(tokens).map(([name, pair]) => [name, pair[index]])),
    ...Object.fromEntries(Object.entries(replaced).map(([name, token]) => [name, tokens[token][index]])),
  })
  return { variables: {}, light: scheme(0), dark: scheme(1) }
}
