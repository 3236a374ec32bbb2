/** The few signs of the shell, drawn as lines in the text's colour. */

import type { ReactNode } from 'react'

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg
      width="18"
      height="18"
      viewBox="0 0 18 18"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  )
}

export const SunIcon = () => (
  <Icon>
    <circle cx="9" cy="9" r="3" />
    <path d="M9 2v1.5M9 14.5V16M2 9h1.5M14.5 9H16M4 4l1 1M13 13l1 1M4 14l1-1M13 5l1-1" />
  </Icon>
)

export const MoonIcon = () => (
  <Icon>
    <path d="M14.5 10.6A6 6 0 0 1 7.4 3.5a6 6 0 1 0 7.1 7.1z" />
  </Icon>
)

export const KeyboardIcon = () => (
  <Icon>
    <rect x="1.8" y="4.5" width="14.4" height="9" rx="1.5" />
    <path d="M5 7.5h.01M8 7.5h.01M11 7.5h.01M13.5 7.5h.01M6 10.5h6" />
  </Icon>
)
