/**
 * The colours of the product, each with its value in the light and the dark
 * scheme. One table: the theme writes it as CSS variables, and a test holds
 * the contrasts that `contrasts` names.
 */

type Pair = readonly [light: string, dark: string]

export const tokens = {
  '--sc-surface': ['#ffffff', '#1b1d21'],
  '--sc-raised': ['#ffffff', '#23262b'],
  '--sc-sunken': ['#f5f6f8', '#141518'],
  '--sc-text': ['#1c2024', '#e6e8eb'],
  '--sc-muted': ['#5a626b', '#a2a9b2'],
  '--sc-line': ['#dfe3e8', '#33373e'],
  '--sc-focus': ['#3451d1', '#7b96ff'],
  '--sc-link': ['#3451d1', '#9db0ff'],

  '--sc-grid-head': ['#f5f6f8', '#23262b'],
  '--sc-grid-line': ['#e4e7eb', '#2e3238'],
  '--sc-grid-strong': ['#c3c9d0', '#4a5059'],
  '--sc-range': ['rgb(52 81 209 / 0.09)', 'rgb(123 150 255 / 0.14)'],

  '--sc-add-bg': ['#e6f6ea', '#14301d'],
  '--sc-add-fg': ['#12662b', '#7fdc97'],
  '--sc-add-bar': ['#2b8a3e', '#51cf66'],
  '--sc-del-bg': ['#fdecec', '#381a1c'],
  '--sc-del-fg': ['#a61e1e', '#ffa8a8'],
  '--sc-dirty': ['#1c6ed0', '#5c9eff'],
  '--sc-dirty-bg': ['#eef4fd', '#172436'],
  '--sc-conflict': ['#8a2be2', '#c893ff'],
  '--sc-error': ['#c22121', '#ff8787'],

  '--sc-good-bg': ['#e6f6ea', '#14301d'],
  '--sc-good-fg': ['#12662b', '#7fdc97'],
  '--sc-warn-bg': ['#fff4da', '#33270c'],
  '--sc-warn-fg': ['#7a4d00', '#ffd166'],
  '--sc-bad-bg': ['#fdecec', '#381a1c'],
  '--sc-bad-fg': ['#a61e1e', '#ffa8a8'],
  '--sc-calm-bg': ['#eceff3', '#2c3036'],
  '--sc-calm-fg': ['#464d55', '#c1c7ce'],
  '--sc-busy-bg': ['#e7ecfd', '#1d2747'],
  '--sc-busy-fg': ['#2b44b8', '#afbeff'],
} as const satisfies Record<string, Pair>

export type Token = keyof typeof tokens

/** What must be legible on what: 4.5 for text, 3 for bars, icons and the focus ring. */
export const contrasts: readonly (readonly [front: Token, back: Token, least: number])[] = [
  ...(['--sc-surface', '--sc-raised', '--sc-sunken', '--sc-grid-head'] as const).flatMap(
    back =>
      [
        ['--sc-text', back, 4.5],
        ['--sc-muted', back, 4.5],
        ['--sc-link', back, 4.5],
        ['--sc-error', back, 4.5],
        ['--sc-focus', back, 3],
        ['--sc-dirty', back, 3],
        ['--sc-conflict', back, 3],
        ['--sc-add-bar', back, 3],
      ] as const,
  ),
  ['--sc-add-fg', '--sc-add-bg', 4.5],
  ['--sc-del-fg', '--sc-del-bg', 4.5],
  ['--sc-text', '--sc-add-bg', 4.5],
  ['--sc-text', '--sc-del-bg', 4.5],
  ['--sc-text', '--sc-dirty-bg', 4.5],
  ['--sc-muted', '--sc-dirty-bg', 4.5],
  ['--sc-del-fg', '--sc-surface', 4.5],
  ['--sc-add-fg', '--sc-surface', 4.5],
  ['--sc-good-fg', '--sc-good-bg', 4.5],
  ['--sc-warn-fg', '--sc-warn-bg', 4.5],
  ['--sc-bad-fg', '--sc-bad-bg', 4.5],
  ['--sc-calm-fg', '--sc-calm-bg', 4.5],
  ['--sc-busy-fg', '--sc-busy-bg', 4.5],
]
