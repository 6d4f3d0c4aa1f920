import type { CheckLine, CheckStep } from '#lib/contracts';
import { failureOf } from '../connection/failure.ts';

/** What to change where a step fails. */
const CHANGES: Readonly<Record<CheckStep, string>> = {
  resolve: 'Change the field, the global or the credential that is named.',
  address: 'Name another host, or let the operator allow this one (SLUICE_EGRESS_ALLOW).',
  dial: 'Check host and port, and that the server takes connections from here.',
  tls: "Change the server's certificate, or what the configuration says of certificates.",
  authenticate: 'Change the credential, or let it in at the provider.',
  authorise: 'Change what is named, or allow it to the credential at the provider.',
};

/** The lines of one check, as its steps come and go. */
export class Report {
  readonly lines: CheckLine[] = [];
  #under: CheckStep[] = [];
  #failures = 0;
  #closed = false;

  get #dialled(): boolean {
    return this.lines.some(({ step }) => step === 'dial');
  }

  passed(step: CheckStep, message: string): void {
    // A provider may need several connections: each says the same.
    if (!this.#closed && !this.lines.some((line) => line.ok && line.step === step && line.message === message))
      this.lines.push({ step, ok: true, message });
  }

  failed(step: CheckStep, error: unknown): void {
    if (this.#closed) return;
    this.#failures++;
    this.lines.push({ step, ok: false, message: failureOf(error).reason, change: CHANGES[step] });
  }

  async step<T>(step: CheckStep, passed: string, work: () => Promise<T>): Promise<T> {
    const before = this.#failures;
    this.#under.push(step);
    try {
      const result = await work();
      this.passed(step, passed);
      return result;
    } catch (error) {
      if (this.#failures === before) this.failed(step, error);
      throw error;
    } finally {
      this.#under.pop();
    }
  }

  /** It ended by `error`, which no step has told yet if none failed. */
  ended(error: unknown): void {
    if (this.#failures > 0) return;
    // Nothing was dialled: what was resolved can't be connected with.
    if (!this.#dialled) this.lines.length = 0;
    this.failed(this.#dialled ? 'authenticate' : 'resolve', error);
  }

  /** Its time is up: what is under way has failed. */
  late(ms: number): void {
    const step = this.#under.at(-1) ?? (this.#dialled ? 'authenticate' : this.lines.length > 0 ? 'dial' : 'resolve');
    const message = `There was no answer within ${Math.ceil(ms / 1000)} s.`;
    if (!this.#closed) this.lines.push({ step, ok: false, message, change: CHANGES[step] });
    this.#closed = true;
  }
}
