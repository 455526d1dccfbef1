/** The live page: charts come drawn, so its script puts them in place and does nothing else. */
import { Markup, html } from '../../report/markup'
import { STYLE } from '../../report/style'

const SCRIPT = new Markup(`
const events = new EventSource('events' + location.search)
const byId = (id) => document.getElementById(id)
events.onmessage = ({ data }) => {
  const { now, charts } = JSON.parse(data)
  byId('now').textContent = now
  if (charts !== undefined) byId('charts').innerHTML = charts
}
events.addEventListener('end', () => { events.close(); byId('stop').disabled = true })
events.onerror = () => { byId('now').textContent = 'No connection to the run' }
byId('stop').onclick = () => {
  byId('stop').disabled = true
  fetch('stop' + location.search, { method: 'POST' })
}
`)

const OWN_STYLE = new Markup(`
button { font: inherit; padding: .4rem 1rem; border: 1px solid var(--bad); border-radius: .4rem; background: none;
  color: var(--bad); cursor: pointer; }
button:disabled { border-color: var(--line); color: var(--soft); cursor: default; }
#now { font-variant-numeric: tabular-nums; }
`)

export function livePageOf(title: string, nonce: string): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        <style>
          ${STYLE}${OWN_STYLE}
        </style>
      </head>
      <body>
        <h1>${title}</h1>
        <p id="now" aria-live="polite">…</p>
        <p><button id="stop" type="button">Stop and keep the best weights</button></p>
        <main id="charts"></main>
        <script nonce="${nonce}">
          ${SCRIPT}
        </script>
      </body>
    </html>`.text
}
