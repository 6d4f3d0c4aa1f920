import { type Socket, connect } from 'node:net';
import type { ConnectionContext, ReceivedMessage } from '#lib/connector-sdk';

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
  /** Hosts and ports dialled. */
  readonly dialled: string[];
  /** Every message is durable as soon as it comes (the default), or only when the test says so. */
  storing: 'at once' | 'by hand';
  hold(held: boolean): void;
  readonly controller: AbortController;
}

/** What the runtime gives a connection, as a record of what the connection did with it. Sockets are dialled without a guard. */
export function recordingContext(): RecordingContext {
  const controller = new AbortController();
  const listeners: ((held: boolean) => void)[] = [];
  let held = false;
  const context: RecordingContext = {
    received: [],
    proofs: [],
    losses: [],
    warnings: [],
    dialled: [],
    storing: 'at once',
    controller,
    signal: controller.signal,
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
    gap: () => undefined,
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
