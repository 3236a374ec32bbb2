import { Button, Group, Stack, TextInput } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import type { Snapshot } from '@/api/model'
import { useDeleteSnapshot, useRenameSnapshot } from '@/api/queries/snapshots'
import { many } from '@/lib/format'
import { Confirm } from '@/ui/Confirm'
import { Dialog } from '@/ui/Dialog'
import { ErrorNote } from '@/ui/ErrorNote'

interface DialogProps {
  snapshot: Snapshot
  opened: boolean
  onClose(): void
}

export function RenameSnapshot({ snapshot, opened, onClose }: DialogProps) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Rename the snapshot">
      <Rename snapshot={snapshot} onClose={onClose} />
    </Dialog>
  )
}

function Rename({ snapshot, onClose }: Omit<DialogProps, 'opened'>) {
  const [name, setName] = useState(snapshot.name)
  const rename = useRenameSnapshot(snapshot.id)
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        rename.mutate(name.trim(), { onSuccess: onClose })
      }}
    >
      <Stack>
        <TextInput
          label="Name"
          value={name}
          onChange={event => setName(event.currentTarget.value)}
          maxLength={200}
          required
          data-autofocus
        />
        {rename.isError && <ErrorNote title="The name was not changed." error={rename.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Back
          </Button>
          <Button type="submit" disabled={name.trim() === ''} loading={rename.isPending}>
            Rename
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

export function DeleteSnapshot({ snapshot, edited, opened, onClose }: DialogProps & { edited: number }) {
  const remove = useDeleteSnapshot()
  const navigate = useNavigate()
  return (
    <Confirm
      opened={opened}
      title={`Delete “${snapshot.name}”`}
      action="Delete the snapshot"
      danger
      pending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate(snapshot.id, { onSuccess: () => void navigate({ to: '/' }) })}
      onClose={onClose}
    >
      Its tables and records go from here. Nothing changes at the services.
      {edited > 0 && <strong> {many(edited, 'record')} with unpublished changes would be lost.</strong>}
    </Confirm>
  )
}
