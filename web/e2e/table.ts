/** How a person uses a table: by cells, keys and what the page says. */

import type { Locator, Page } from 'playwright-core'

export class TableView {
  readonly grid: Locator

  constructor(
    readonly page: Page,
    private readonly column: string,
  ) {
    this.grid = page.getByRole('grid')
  }

  cell(row: number, column = this.column): Locator {
    return this.page.locator(`[role="gridcell"][data-row="${row}"][data-col="${column}"]`)
  }

  /** The value of a cell, without what is only said to screen readers. */
  async text(row: number, column = this.column): Promise<string> {
    return (await this.cell(row, column).locator('span').first().innerText()).trim()
  }

  async loaded(): Promise<void> {
    await this.cell(0).waitFor()
  }

  async type(row: number, text: string): Promise<void> {
    await this.cell(row).click()
    await this.page.keyboard.type(text, { delay: 0 })
    await this.page.keyboard.press('Enter')
  }

  async saved(): Promise<void> {
    await this.page.getByText('Saved', { exact: true }).waitFor()
  }

  /** Row and column of the active cell, as a screen reader is told. */
  async active(): Promise<string> {
    const id = await this.grid.getAttribute('aria-activedescendant')
    return this.page.evaluate(of => {
      const cell = document.getElementById(of ?? '')
      return cell ? `${cell.dataset.row} ${cell.dataset.col}` : 'none'
    }, id)
  }
}
