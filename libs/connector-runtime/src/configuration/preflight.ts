import type { Socket } from 'node:net';
import { type CheckContext, ConnectorError } from '#lib/connector-sdk';
import { type CheckLine, type CheckReply, CheckRequest, type IntegrationState } from '#lib/contracts';
import { EgressError, dial } from '#lib/egress';
import { Report } from './check-report.ts';
import type { Surroundings } from './rendering.ts';
import type { Shared } from '../shared.ts';

/** Checks at once: each dials whatever its author says. */
const MAX_CHECKS = 16;
/** Of one application. */
const MAX_OF_ONE = 4;
/** Each takes no longer, whatever is asked for. */
const CHECK_MS = 10_000;

/** Answers whether a configuration would connect, by trying it from here, where connections are made from. */
export class Preflight {
  readonly #shared: Shared;
  readonly #around: (state: IntegrationState) => Surroundings;
  /** Applications whose checks run. */
  readonly #running: string[] = [];
  /** Ends each check that is under way. */
  readonly #underWay = new Set<() => void>();

  constructor(shared: Shared, around: (state: IntegrationState) => Surroundings) {
    this.#shared = shared;
    this.#around = around;
  }

  /** Rejects what is no {@link CheckRequest}, and BusError while keys can't be had. */
  async answer(body: Uint8Array): Promise<Uint8Array> {
    const { state, withinMs } = CheckRequest.parse(JSON.parse(Buffer.from(body).toString('utf8')));
    return Buffer.from(JSON.stringify((await this.#bounded(state, Math.min(withinMs, CHECK_MS))) satisfies CheckReply));
  }

  /** Ends what is under way: whoever asked gets what is known. */
  stop(): void {
    for (const giveUp of this.#underWay) giveUp();
  }

  async #bounded(state: IntegrationState, ms: number): Promise<CheckReply> {
    const { applicationId } = state;
    const own = this.#running.filter((id) => id === applicationId).length;
    if (this.#running.length >= MAX_CHECKS || own >= MAX_OF_ONE) return { busy: true };
    this.#running.push(applicationId);
    try {
      return { lines: await this.#check(state, ms) };
    } finally {
      this.#running.splice(this.#running.indexOf(applicationId), 1);
    }
  }

  async #check(state: IntegrationState, ms: number): Promise<CheckLine[]> {
    const report = new Report();
    const abort = new AbortController();
    const sockets = new Set<Socket>();
    const work = this.#steps(state, report, this.#context(report, abort.signal, sockets)).catch((error: unknown) => report.ended(error));
    let giveUp = (): void => undefined;
    const over = new Promise<void>((resolve) => (giveUp = resolve)).then(() => report.late(ms));
    const timer = this.#shared.wheel.after(ms, giveUp);
    this.#underWay.add(giveUp);
    await Promise.race([work, over]);
    this.#underWay.delete(giveUp);
    timer.cancel();
    abort.abort();
    // Whatever a provider's client still holds of it ends with it.
    for (const socket of sockets) socket.destroy();
    return report.lines;
  }

  async #steps(state: IntegrationState, report: Report, context: CheckContext): Promise<void> {
    await this.#shared.caughtUp(); // whoever asks may have made the credential a moment ago
    const rendered = await this.#shared.renderer.render(state, this.#around(state));
    if (!rendered.ok) {
      report.failed('resolve', new ConnectorError('misconfigured', rendered.reason));
      return;
    }
    report.passed('resolve', 'Every template, global and credential is there.');
    await this.#shared.provider.check?.(rendered.config, context);
  }

  #context(report: Report, signal: AbortSignal, sockets: Set<Socket>): CheckContext {
    const { log } = this.#shared;
    return {
      signal,
      log: { info: (message) => log.info(message), warn: (message) => log.warn(message) },
      step: (step, passed, work) => report.step(step, passed, work),
      dial: async (host, port) => {
        const allowed = `${host} may be reached from here.`;
        return await report.step('dial', `${host}:${port} takes connections.`, async () => {
          try {
            const socket = await dial(this.#shared.egress, host, port, { signal });
            sockets.add(socket);
            report.passed('address', allowed);
            return socket;
          } catch (error) {
            if (error instanceof EgressError) report.failed('address', error);
            else report.passed('address', allowed);
            throw error;
          }
        });
      },
    };
  }
}
