/**
 * A page on this machine that shows how a run goes on, and can stop it. Only who has its address, which holds a token of
 * 128 bits, gets an answer; no other page and no other machine does.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import { livePageOf } from './page'
import { curveCharts } from '../../report/sections/curves'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { MetricName } from '../../evaluation/metric-names'
import type { ObservedEpoch } from '../../observer'

const HOST = '127.0.0.1'
const TOKEN_BYTES = 16
/** Milliseconds between two messages. */
const INTERVAL = 200

/** What has changed. */
export interface LiveState {
  /** The batch that runs, in words. */
  readonly now?: string
  readonly history?: readonly ObservedEpoch[]
  readonly best?: MetricName
}

export class LivePage {
  readonly #server: Server
  readonly #title: string
  readonly #onStop: () => void
  readonly #token = randomBytes(TOKEN_BYTES).toString('hex')
  readonly #readers = new Set<ServerResponse>()
  #now = 'The run begins'
  #curves: { history: readonly ObservedEpoch[]; best: MetricName | undefined; isNew: boolean } | undefined
  #timer: NodeJS.Timeout | undefined
  /** Where the server listens: `127.0.0.1:41234`. */
  #authority = ''

  private constructor(title: string, onStop: () => void) {
    this.#title = title
    this.#onStop = onStop
    this.#server = createServer((request, response) => this.#answer(request, response))
  }

  /** @param onStop - Called when the page's button is pressed. */
  static async open(title: string, onStop: () => void): Promise<LivePage> {
    const page = new LivePage(title, onStop)
    await new Promise<void>((resolve, reject) => {
      page.#server.once('error', reject).listen(0, HOST, resolve)
    })
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a server that listens on a port
    const { port } = page.#server.address() as AddressInfo
    page.#authority = `${HOST}:${port}`
    return page
  }

  get address(): string {
    return `http://${this.#authority}/?token=${this.#token}`
  }

  /** Takes what has changed; the readers are told a little later, of several changes once. */
  show({ now, history, best }: LiveState): void {
    if (now !== undefined) this.#now = now
    if (history !== undefined) this.#curves = { history, best, isNew: true }
    this.#timer ??= setTimeout(() => this.#tell(), INTERVAL)
  }

  /** Tells the readers that the run has ended, and ends the server. */
  async close(): Promise<void> {
    this.#now = 'The run has ended'
    this.#tell()
    for (const reader of this.#readers) reader.end('event: end\ndata:\n\n')
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    // A reader that does not read must not keep the process.
    const timer = setTimeout(() => this.#server.closeAllConnections(), INTERVAL)
    await closed
    clearTimeout(timer)
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', `http://${HOST}`)
    response.setHeader('Cache-Control', 'no-store')
    response.setHeader('Referrer-Policy', 'no-referrer')
    // Another host's name in front of this address would be a page that is not ours (DNS rebinding).
    if (request.headers.host !== this.#authority || !this.#isToken(searchParams.get('token'))) return end(response, 403)
    if (request.method === 'GET' && pathname === '/') return this.#page(response)
    if (request.method === 'GET' && pathname === '/events') return this.#follow(response)
    if (request.method === 'POST' && pathname === '/stop') {
      end(response, 204)
      return this.#onStop()
    }
    end(response, 404)
  }

  #isToken(given: string | null): boolean {
    const [left, right] = [Buffer.from(given ?? ''), Buffer.from(this.#token)]
    return left.length === right.length && timingSafeEqual(left, right)
  }

  #page(response: ServerResponse): void {
    const nonce = randomBytes(TOKEN_BYTES).toString('base64')
    const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-${nonce}'; connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`
    response.setHeader('Content-Security-Policy', policy)
    response.setHeader('Content-Type', 'text/html; charset=utf-8')
    response.end(livePageOf(this.#title, nonce))
  }

  #follow(response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    this.#readers.add(response)
    response.on('close', () => this.#readers.delete(response))
    this.#send([response], this.#charts())
  }

  #tell(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const charts = this.#curves?.isNew === true ? this.#charts() : undefined
    if (this.#curves !== undefined) this.#curves.isNew = false
    this.#send(this.#readers, charts)
  }

  #charts(): string | undefined {
    if (this.#curves === undefined) return undefined
    const { history, best } = this.#curves
    const isClasses = history.some(({ train }) => !Number.isNaN(train.accuracy))
    return curveCharts(history, best, isClasses ? 'accuracy' : 'mae').text
  }

  #send(readers: Iterable<ServerResponse>, charts: string | undefined): void {
    const message = `data: ${JSON.stringify({ now: this.#now, ...(charts !== undefined && { charts }) })}\n\n`
    for (const reader of readers) reader.write(message)
  }
}

function end(response: ServerResponse, status: number): void {
  response.writeHead(status).end()
}
