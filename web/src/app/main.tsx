// First: its layer lies below Mantine's.
import './base.css'
import '@mantine/core/styles.layer.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Providers } from './Providers'

// A tab that is older than the server asks for files that are gone.
addEventListener('vite:preloadError', event => {
  event.preventDefault()
  document.dispatchEvent(new CustomEvent('scratch:new-version'))
})

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <Providers />
  </StrictMode>,
)
