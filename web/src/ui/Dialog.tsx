import { Drawer, Modal } from '@mantine/core'
import type { ReactNode } from 'react'

interface DialogProps {
  opened: boolean
  title: string
  size?: string
  onClose(): void
  children: ReactNode
}

/**
 * A dialog in the middle of the page. Mantine's own header is a landmark, and a
 * page has one banner alone: it is told to be none.
 */
export function Dialog({ opened, title, size, onClose, children }: DialogProps) {
  return (
    <Modal.Root opened={opened} onClose={onClose} centered {...(size && { size })}>
      <Modal.Overlay />
      <Modal.Content>
        <Modal.Header role="none">
          <Modal.Title>{title}</Modal.Title>
          <Modal.CloseButton aria-label="Close" />
        </Modal.Header>
        <Modal.Body>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  )
}

/** A panel at the right edge, beside what one works on. */
export function SidePanel({ opened, title, size = 'md', onClose, children }: DialogProps) {
  return (
    <Drawer.Root opened={opened} onClose={onClose} position="right" size={size}>
      <Drawer.Overlay />
      <Drawer.Content>
        <Drawer.Header role="none">
          <Drawer.Title>{title}</Drawer.Title>
          <Drawer.CloseButton aria-label="Close" />
        </Drawer.Header>
        <Drawer.Body>{children}</Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  )
}
