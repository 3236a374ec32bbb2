import { Checkbox, NativeSelect, PasswordInput, Stack, TextInput } from '@mantine/core'
import { FileField } from './FileField'
import type { FormField, FormValues } from './form'

interface SchemaFormProps {
  fields: readonly FormField[]
  values: FormValues
  errors: Readonly<Record<string, string>>
  /** What is stored, with its secrets masked; shown where a field may be left as it is. */
  stored?: Readonly<Record<string, unknown>> | undefined
  onChange(name: string, value: string | boolean): void
}

export function SchemaForm({ fields, ...rest }: SchemaFormProps) {
  return (
    <Stack>
      {fields.map(field => (
        <Field key={field.name} field={field} {...rest} />
      ))}
    </Stack>
  )
}

function Field({
  field,
  values,
  errors,
  stored,
  onChange,
}: Omit<SchemaFormProps, 'fields'> & { field: FormField }) {
  const value = values[field.name]
  const kept = stored?.[field.name]
  const shared = {
    label: field.label,
    description: field.kind === 'list' ? `${field.help ?? ''} Separate them with commas.`.trim() : field.help,
    error: errors[field.name],
    required: field.required && kept === undefined,
    withAsterisk: field.required && kept === undefined,
  }
  if (field.kind === 'boolean') {
    return (
      <Checkbox
        label={field.label}
        description={field.help}
        checked={value === true}
        onChange={event => onChange(field.name, event.currentTarget.checked)}
      />
    )
  }
  if (field.kind === 'file') {
    return (
      <FileField
        label={field.label}
        error={errors[field.name]}
        onUploaded={upload => onChange(field.name, upload)}
      />
    )
  }
  const typed = {
    ...shared,
    value: typeof value === 'string' ? value : '',
    placeholder: typeof kept === 'string' ? kept : undefined,
    maxLength: field.maxLength,
    autoComplete: 'off',
    onChange: (event: React.ChangeEvent<HTMLInputElement | HTMLSelectElement>) =>
      onChange(field.name, event.currentTarget.value),
  }
  if (field.kind === 'choice' || field.kind === 'maybe') {
    const { placeholder: _, maxLength: __, ...select } = typed
    return <NativeSelect {...select} data={choices(field)} />
  }
  if (field.secret) {
    return (
      <PasswordInput
        {...typed}
        autoComplete="new-password"
        visibilityToggleButtonProps={{ 'aria-label': `Show the ${field.label}`, tabIndex: 0 }}
      />
    )
  }
  return (
    <TextInput
      {...typed}
      inputMode={field.kind === 'number' || field.kind === 'integer' ? 'decimal' : 'text'}
    />
  )
}

function choices(field: FormField): { value: string; label: string }[] {
  const none = { value: '', label: field.required ? 'Choose…' : 'Default' }
  if (field.kind === 'maybe') return [none, { value: 'true', label: 'Yes' }, { value: 'false', label: 'No' }]
  return [none, ...field.choices.map(value => ({ value, label: value === '\t' ? 'tab' : value }))]
}
