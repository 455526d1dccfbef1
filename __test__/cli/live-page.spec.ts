import { request } from 'node:http'
import test from 'ava'
import { withBrowser } from '../helpers/browser'
import { internal } from '../helpers/internals'
import type * as LivePageModule from '../../dist/cli/live/live-page'
import type { ObservedEpoch } from 'zoetrope'

const { LivePage } = internal('cli/live/live-page') as typeof LivePageModule

const epoch = (number: number): ObservedEpoch => ({
  epoch: number,
  train: { loss: 1 / number, accuracy: 1 - 1 / number, seconds: 1, samplesPerSecond: 10 },
})

/** The status of a request, whatever its headers say. */
async function statusOf(address: string, method: string, host?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(address, { method, ...(host !== undefined && { headers: { host } }) }, (response) => {
      response.destroy()
      resolve(response.statusCode ?? 0)
    })
    sent.on('error', reject).end()
  })
}

test('only who has the token, on this machine, gets an answer', async (t) => {
  let stops = 0
  const live = await LivePage.open('clips', () => stops++)
  const { address } = live
  const { origin, search, hostname } = new URL(address)
  t.is(hostname, '127.0.0.1')
  t.regex(search, /^\?token=[\da-f]{32}$/)
  t.is(await statusOf(address, 'GET'), 200)
  for (const [path, method, status] of [
    ['/', 'GET', 403],
    ['/?token=', 'GET', 403],
    [`/?token=${'0'.repeat(32)}`, 'GET', 403],
    ['/events', 'GET', 403],
    ['/stop', 'POST', 403],
    [`/stop${search}`, 'GET', 404],
    [`/elsewhere${search}`, 'GET', 404],
  ] as const)
    t.is(await statusOf(`${origin}${path}`, method), status, `${method} ${path}`)
  t.is(await statusOf(address, 'GET', 'evil.example'), 403)
  t.is(await statusOf(`${origin}/stop${search}`, 'POST', 'localhost.evil.example'), 403)
  t.is(stops, 0)
  t.is(await statusOf(`${origin}/stop${search}`, 'POST'), 204)
  t.is(stops, 1)
  await live.close()
  await t.throwsAsync(statusOf(address, 'GET'), { message: /ECONNREFUSED/ })
})

withBrowser('the page shows curves as they come, stops the run, and knows its end', async (t, open) => {
  let stopped: () => void = () => undefined
  const stop = new Promise<void>((resolve) => (stopped = resolve))
  const live = await LivePage.open('<b>clips</b>', () => stopped())
  live.show({ now: 'epoch 1/9 · batch 1/2 <i>' })
  live.show({ history: [epoch(1), epoch(2)], best: 'loss' })
  const { page, problems, requests } = await open(live.address)
  t.is(await page.title(), '<b>clips</b>')
  await page.locator('#charts svg').nth(1).waitFor()
  t.is(await page.innerText('#now'), 'epoch 1/9 · batch 1/2 <i>')
  live.show({ history: [epoch(1), epoch(2), epoch(3)], best: 'loss' })
  await page.locator('#charts .dot').nth(5).waitFor()
  await page.click('#stop')
  await stop
  await live.close()
  await page.getByText('The run has ended').waitFor()
  t.true(await page.isDisabled('#stop'))
  t.deepEqual(problems, [])
  const { origin } = new URL(live.address)
  t.true(requests.every((address) => address.startsWith(origin) || address.startsWith('data:')))
})
