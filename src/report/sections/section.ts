import { html } from '../markup'
import type { Content, Markup } from '../markup'

/** A part of the page with a heading. */
export function section(title: string, ...contents: readonly Content[]): Markup {
  return html`<section>
    <h2>${title}</h2>
    ${contents}
  </section>`
}

export function charts(...list: readonly (Markup | undefined)[]): Markup {
  return html`<div class="charts">${list}</div>`
}

/** Names and what belongs to them. */
export function facts(list: readonly (readonly [string, Content])[]): Markup {
  return html`<dl>
    ${list.map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value}</dd>`,
    )}
  </dl>`
}
