import { Button, Text } from '@mantine/core'
import { useId, useRef, useState } from 'react'
import { useUpload } from '@/api/queries/connections'
import { bytes } from '@/lib/format'
import { ErrorNote } from '../ErrorNote'
import css from './schema.module.css'

interface FileFieldProps {
  label: string
  error: string | undefined
  onUploaded(uploadId: string): void
}

/** A place to drop a file on, or to choose one; it is sent at once. */
export function FileField({ label, error, onUploaded }: FileFieldProps) {
  const input = useRef<HTMLInputElement>(null)
  const id = useId()
  const upload = useUpload()
  const [over, setOver] = useState(false)
  const send = (file: File | undefined) => {
    if (!file) return
    onUploaded('')
    upload.mutate(file, { onSuccess: stored => onUploaded(stored.id) })
  }
  return (
    <div>
      <label htmlFor={id} className={css.fileLabel}>
        {label}
      </label>
      {/* The schema's own help speaks of ids of uploads; here a file is chosen. */}
      <Text size="xs" c="dimmed">
        CSV or TSV. A newer version of the file can take its place later.
      </Text>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is a shortcut for the button inside. */}
      <div
        className={`${css.drop} ${over ? css.over : ''}`}
        onDragOver={event => {
          event.preventDefault()
          setOver(true)
        }}
        onDragLeave={() => setOver(false)}
        onDrop={event => {
          event.preventDefault()
          setOver(false)
          send(event.dataTransfer.files[0])
        }}
      >
        <input
          ref={input}
          id={id}
          type="file"
          accept=".csv,.tsv,.txt,text/csv"
          className={css.file}
          onChange={event => send(event.currentTarget.files?.[0])}
        />
        <Button variant="default" onClick={() => input.current?.click()} loading={upload.isPending}>
          Choose a file
        </Button>
        <Text size="sm" role="status">
          {upload.isPending && 'Uploading…'}
          {upload.data && `${upload.data.name}, ${bytes(upload.data.size)}`}
          {upload.isIdle && 'or drop it here'}
        </Text>
      </div>
      {upload.isError && <ErrorNote title="The file was not taken." error={upload.error} />}
      {error && !upload.isError && (
        <Text size="xs" c="var(--sc-error)" mt={4}>
          {error}
        </Text>
      )}
    </div>
  )
}
