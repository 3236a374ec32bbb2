import { Table } from '@mantine/core'
import { shortcuts } from '@/grid/core/keymap'
import { Dialog } from '@/ui/Dialog'

export function ShortcutSheet({ opened, onClose }: { opened: boolean; onClose(): void }) {
  return (
    <Dialog opened={opened} onClose={onClose} title="Keyboard shortcuts in a table" size="lg">
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Keys</Table.Th>
            <Table.Th>What they do</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {shortcuts.map(([keys, action]) => (
            <Table.Tr key={keys}>
              <Table.Td>{keys}</Table.Td>
              <Table.Td>{action}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Dialog>
  )
}
