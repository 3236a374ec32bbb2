import { Button, Group, Stack, TextInput } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useCreateSnapshot } from '@/api/queries/snapshots'
import { Dialog } from '@/ui/Dialog'
import { ErrorNote } from '@/ui/ErrorNote'

export function NewSnapshot({ onClose }: { onClose(): void }) {
  const [name, setName] = useState('')
  const create = useCreateSnapshot()
  const navigate = useNavigate()
  const submit = (event: React.FormEvent) => {
    event.preventDefault()
    create.mutate(name.trim(), {
      onSuccess: snapshot => void navigate({ to: '/s/$snapshotId', params: { snapshotId: snapshot.id } }),
    })
  }
  return (
    <Dialog opened onClose={onClose} title="New snapshot">
      <form onSubmit={submit}>
        <Stack>
          <TextInput
            label="Name"
            description="What the work is about, such as “Blog clean-up”."
            value={name}
            onChange={event => setName(event.currentTarget.value)}
            maxLength={200}
            data-autofocus
            required
          />
          {create.isError && <ErrorNote title="The snapshot was not made." error={create.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Back
            </Button>
            <Button type="submit" disabled={name.trim() === ''} loading={create.isPending}>
              Make the snapshot
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  )
}
