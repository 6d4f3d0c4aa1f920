import { type Socket, connect } from 'node:net';
import type { CheckContext, ConnectionContext, DurableState, ReceivedMessage } from '#lib/connector-sdk';

/** A message in the hands of the test, which says when it is durable. */
export interface HeldMessage extends ReceivedMessage {
  store(): void;
  fail(error: Error): void;
}

export interface RecordingContext extends ConnectionContext {
  readonly received: HeldMessage[];
  readonly proofs: string[];
  readonly losses: Error[];
  readonly warnings: string[];
  /** Causes. */
  readonly gaps: string[];
  /** Hosts and ports dialled. */
  readonly dialled: string[];
  /** Every message is durable as soon as it comes (the default), or only when the test says so. */
  storing: 'at once' | 'by hand';
  hold(held: boolean): void;
  readonly controller: AbortController;
}

/** State that outlives a context, as the runtime keeps it. */
export function memoryState(): DurableState & { values(): unknown[] } {
  const stored = new Map<string, { value: Uint8Array; revision: number }>();
  let revisions = 0;
  return {
    values: () => [...stored.values()].map(({ value }) => JSON.parse(Buffer.from(value).toString()) as unknown),
    get: (key) => Promise.resolve(stored.get(key)),
    compareAndSet: (key, value, revision) => {
      if ((stored.get(key)?.revision ?? 0) !== revision) return Promise.resolve(undefined);
      stored.set(key, { value, revision: ++revisions });
      return Promise.resolve(revisions);
    },
  };
}

/** What the runtime gives a connection, as a record of what the connection did with it. Sockets are dialled without a guard. */
export function recordingContext(state: DurableState = memoryState()): RecordingContext {
  const controller = new AbortController();
  const listeners: ((held: boolean) => void)[] = [];
  let held = false;
  const context: RecordingContext = {
    received: [],
    proofs: [],
    losses: [],
    warnings: [],
    gaps: [],
    dialled: [],
    storing: 'at once',
    controller,
    signal: controller.signal,
    state,
    get held() {
      return held;
    },
    hold(next) {
      held = next;
      for (const listener of listeners) listener(next);
    },
    onFlow: (listener) => void listeners.push(listener),
    receive: async (message) =>
      await new Promise<void>((resolve, reject) => {
        context.received.push({ ...message, store: resolve, fail: reject });
        if (context.storing === 'at once') resolve();
      }),
    proven: (kind) => void context.proofs.push(kind),
    lost: (error) => void context.losses.push(error),
    gap: (_from, _to, cause) => void context.gaps.push(cause),
    dial: async (host, port) => {
      context.dialled.push(`${host}:${port}`);
      return await new Promise<Socket>((resolve, reject) => {
        const socket = connect({ host, port, noDelay: true });
        socket.once('error', reject);
        socket.once('connect', () => {
          socket.off('error', reject);
          resolve(socket);
        });
      });
    },
    log: { info: () => undefined, warn: (message) => void context.warnings.push(message) },
  };
  return context;
}

/** What came to a context, as text. */
export const bodies = ({ received }: RecordingContext): string[] => received.map(({ body }) => Buffer.from(body).toString());

/** What a promise rejects with; undefined: it resolves. */
export const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** What the runtime gives a check, as a record of the steps that succeeded and of where it failed. Sockets are dialled without a guard. */
export function checkContext(): CheckContext & { readonly steps: string[] } {
  const { signal, log, ...context } = recordingContext();
  const steps: string[] = [];
  return {
    dial: (host, port) => context.dial(host, port),
    signal,
    log,
    steps,
    step: async (step, _passed, work) => {
      const before = steps.length;
      try {
        const result = await work();
        steps.push(step);
        return result;
      } catch (error) {
        if (!steps.slice(before).some((each) => each.startsWith('not '))) steps.push(`not ${step}`);
        throw error;
      }
    },
  };
}
