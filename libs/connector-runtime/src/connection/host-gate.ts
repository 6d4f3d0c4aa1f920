import type { Clock } from '../time/clock.ts';
import type { Timer, TimerWheel } from '../time/wheel.ts';

/** Attempts at once to a host that answers. */
const CONCURRENT = 250;
/** … and to one that failed lately: a black hole keeps each until its deadline. */
const CONCURRENT_FAILING = 50;
/** Attempts per second to a failing host: at least this, and a twentieth of those who wait, so that 1,000 are back in 20 s. */
const PACE = 50;
const PACE_SHARE = 20;
/** A host counts as failing until it caused no failure for this long, ms. */
const FAILING_MS = 30_000;

interface Host {
  active: number;
  failingUntil: number;
  nextAt: number;
  readonly waiting: Pass[];
  timer: Timer | undefined;
}

/** One attempt's place in the queue of its host. */
export class Pass {
  entered = false;
  cancelled = false;
  constructor(
    readonly host: string,
    readonly go: (pass: Pass) => void,
  ) {}
}

/**
 * Keeps a bouncing broker from being stormed by its own clients: once a host fails, attempts to it are paced and few at a time, whoever makes them. Without
 * it a thousand links lost in one moment would all try within the first second, however random each is.
 */
export class HostGate {
  readonly #hosts = new Map<string, Host>();
  readonly #clock: Clock;
  readonly #wheel: TimerWheel;

  constructor(clock: Clock, wheel: TimerWheel) {
    this.#clock = clock;
    this.#wheel = wheel;
  }

  /** Calls `go` when an attempt may begin, perhaps before it returns. Follow with {@link leave}, whether it began or not. */
  enter(hostName: string, go: (pass: Pass) => void): Pass {
    const pass = new Pass(hostName, go);
    const host = this.#hostOf(hostName);
    host.waiting.push(pass);
    this.#admit(host);
    return pass;
  }

  /** The attempt ended, or is no longer wanted. */
  leave(pass: Pass): void {
    const host = this.#hosts.get(pass.host);
    if (host === undefined || pass.cancelled) return;
    pass.cancelled = true;
    if (pass.entered) host.active--;
    else host.waiting.splice(host.waiting.indexOf(pass), 1);
    this.#admit(host);
    this.#forget(pass.host, host);
  }

  /** An attempt failed or a link was lost, by the host's fault. */
  blame(hostName: string): void {
    this.#hostOf(hostName).failingUntil = this.#clock.monotonic() + FAILING_MS;
    this.#forgetLater(hostName);
  }

  #hostOf(name: string): Host {
    let host = this.#hosts.get(name);
    if (host === undefined) {
      host = { active: 0, failingUntil: 0, nextAt: 0, waiting: [], timer: undefined };
      this.#hosts.set(name, host);
    }
    return host;
  }

  #admit(host: Host): void {
    for (;;) {
      const now = this.#clock.monotonic();
      const failing = host.failingUntil > now;
      if (host.waiting.length === 0 || host.active >= (failing ? CONCURRENT_FAILING : CONCURRENT)) return;
      if (failing && host.nextAt > now) {
        host.timer ??= this.#wheel.after(host.nextAt - now, () => {
          host.timer = undefined;
          this.#admit(host);
        });
        return;
      }
      // The pace is kept on average although the wheel is late by up to a tick; an idle time earns no burst.
      if (failing) host.nextAt = Math.max(host.nextAt, now - 40) + 1000 / Math.max(PACE, host.waiting.length / PACE_SHARE);
      const pass = host.waiting.shift();
      if (pass === undefined) return;
      pass.entered = true;
      host.active++;
      pass.go(pass);
    }
  }

  #forgetLater(name: string): void {
    this.#wheel.after(FAILING_MS + 1000, () => {
      const host = this.#hosts.get(name);
      if (host !== undefined) this.#forget(name, host);
    });
  }

  #forget(name: string, host: Host): void {
    if (host.active === 0 && host.waiting.length === 0 && host.failingUntil <= this.#clock.monotonic()) this.#hosts.delete(name);
  }
}
