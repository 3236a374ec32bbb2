import { Button, Group, Stack, Text, TextInput } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { Dialog } from './Dialog'
import { ErrorNote } from './ErrorNote'

interface ConfirmProps {
  opened: boolean
  title: string
  children: ReactNode
  /** What the button does: "Delete the snapshot". */
  action: string
  danger?: boolean
  /** A word that has to be typed first. */
  typed?: string
  pending?: boolean
  error?: unknown
  onConfirm(): void
  onClose(): void
}

/** Asks once more, with the action itself on the button. */
export function Confirm(props: ConfirmProps) {
  return (
    <Dialog opened={props.opened} onClose={props.onClose} title={props.title}>
      <Question {...props} />
    </Dialog>
  )
}

function Question({ children, action, danger, typed, pending, error, onConfirm, onClose }: ConfirmProps) {
  const [text, setText] = useState('')
  const ready = !typed || text.trim() === typed
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        if (ready) onConfirm()
      }}
    >
      <Stack>
        <Text component="div" size="sm">
          {children}
        </Text>
        {typed && (
          <TextInput
            label={`Type ${typed} to confirm`}
            value={text}
            onChange={event => setText(event.currentTarget.value)}
            autoComplete="off"
          />
        )}
        {error ? <ErrorNote error={error} title="That did not work." /> : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Back
          </Button>
          <Button
            type="submit"
            color={danger ? 'red.9' : undefined}
            disabled={!ready}
            loading={pending ?? false}
          >
            {action}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
