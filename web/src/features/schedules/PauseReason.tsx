import { Button, Group, Stack, TextInput } from '@mantine/core'
import { useState } from 'react'
import { Dialog } from '@/ui/Dialog'

interface PauseReasonProps {
  opened: boolean
  onClose(): void
  onPause(why: string): void
}

/** Asks why, so that colleagues do not wonder. */
export function PauseReason({ opened, onClose, onPause }: PauseReasonProps) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Pause the schedule">
      <Reason onClose={onClose} onPause={onPause} />
    </Dialog>
  )
}

function Reason({ onClose, onPause }: Omit<PauseReasonProps, 'opened'>) {
  const [why, setWhy] = useState('')
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        onPause(why.trim())
      }}
    >
      <Stack>
        <TextInput
          label="Reason"
          description="Whoever looks at the schedule sees it. Times that pass meanwhile are not made up for."
          value={why}
          onChange={event => setWhy(event.currentTarget.value)}
          maxLength={500}
          data-autofocus
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Back
          </Button>
          <Button type="submit">Pause</Button>
        </Group>
      </Stack>
    </form>
  )
}
