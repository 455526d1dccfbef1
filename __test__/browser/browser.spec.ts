/** The page of `examples/browser/` in headless Chromium: the same answers as Node, no complaint, no request elsewhere. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { chromium } from 'playwright-core'
import { REPOSITORY, runNode } from '../helpers/child'
import type { AddressInfo } from 'node:net'
import type { Server } from 'node:http'

const example = join(REPOSITORY, 'examples', 'browser')
const CLOSE = 1e-4

/** Debian's and Ubuntu's, or the one that is named; `undefined` where there is none. */
const browser =
  [process.env['ZOETROPE_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'] // prettier-ignore
    .find((path) => path !== undefined && existsSync(path))

let folder: string
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zoetrope-browser-'))
})
test.after.always(async () => rm(folder, { recursive: true, force: true }))

test('the page answers stored clips as Node did, whole and frame by frame', async (t) => {
  if (browser === undefined) {
    t.log('skipped: there is no Chromium (`apt install chromium`); ZOETROPE_CHROMIUM may name one')
    t.pass()
    return
  }
  const prepared = await runNode([join(example, 'prepare.mjs'), '--tiny', '--save', folder])
  t.is(prepared.code, 0, prepared.stderr)
  const { serve } = (await import(pathToFileURL(join(example, 'serve.mjs')).href)) as { serve: (port: number, files: string) => Promise<Server> } // prettier-ignore
  const server = await serve(0, folder)
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const chrome = await chromium.launch({ executablePath: browser, args: ['--no-sandbox'] })
  const complaints: string[] = []
  const elsewhere: string[] = []
  try {
    const page = await chrome.newPage()
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('request', (request) => {
      const url = request.url()
      if (!url.startsWith(origin) && !/^(data|blob):/.test(url)) elsewhere.push(url)
    })
    page.on('response', (response) => response.ok() || complaints.push(`${response.status()} ${response.url()}`))
    await page.goto(origin)
    await page.locator('#stored', { hasText: 'differ' }).waitFor()
    const said = await page.textContent('#stored')
    t.log(`stored clips ${said}`)
    t.true(Number(/differ by (\S+) at most/.exec(said ?? '')?.[1]) < CLOSE, said ?? '')

    await page.locator('tr.best').waitFor() // a frame was shown
    const numbers = await page.locator('#answers tr td:last-child').allTextContents()
    t.is(numbers.length, 4)
    t.true(Math.abs(numbers.reduce((sum, text) => sum + Number(text), 0) - 1) < 0.03, numbers.join(' '))
    t.regex((await page.textContent('#rate')) ?? '', /ms, \d+ frames a second/)
    const pixels = await page.evaluate<number>(
      `Math.max(...document.getElementById('frame').getContext('2d').getImageData(0, 0, 32, 32).data.filter((_, at) => at % 4 < 3))`,
    )
    t.true(pixels > 100, 'a digit is on the canvas')
    const shot = process.env['ZOETROPE_SCREENSHOT']
    if (shot !== undefined) await page.screenshot({ path: shot })
  } finally {
    await chrome.close()
    server.close()
    for (const complaint of complaints) t.log(complaint)
  }
  t.deepEqual(complaints, [])
  t.deepEqual(elsewhere, [])
})
