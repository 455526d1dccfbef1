/** Pages in a browser without a window, where there is one. */
import { existsSync } from 'node:fs'
import test from 'ava'
import { chromium } from 'playwright-core'
import type { ExecutionContext } from 'ava'
import type { Browser, Page } from 'playwright-core'

/** Where a Chromium may lie; `CHROMIUM` names another. */
const PLACES = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const executablePath = PLACES.find((place) => place !== '' && existsSync(place))

/** A page that was opened, and everything that went wrong in it, and everything it asked for. */
export interface OpenPage {
  readonly page: Page
  readonly problems: string[]
  readonly requests: string[]
}

/** Declares a test that needs a browser, or says why it is skipped. */
export function withBrowser(
  title: string,
  run: (t: ExecutionContext, open: (address: string, dark?: boolean) => Promise<OpenPage>) => Promise<void>,
): void {
  if (executablePath === undefined) {
    test(`skipped, there is no Chromium: ${title}`, (t) => {
      t.log('set CHROMIUM to the program, or install it as /usr/bin/chromium')
      t.pass()
    })
    return
  }
  test.serial(title, async (t) => {
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
    try {
      await run(t, async (address, dark = false) => openPage(browser, address, dark))
    } finally {
      await browser.close()
    }
  })
}

async function openPage(browser: Browser, address: string, dark: boolean): Promise<OpenPage> {
  const page = await browser.newPage({
    viewport: { width: 390, height: 844 },
    colorScheme: dark ? 'dark' : 'light',
  })
  const [problems, requests]: [string[], string[]] = [[], []]
  page.on('console', (message) => problems.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('request', (request) => requests.push(request.url()))
  await page.goto(address)
  return { page, problems, requests }
}
