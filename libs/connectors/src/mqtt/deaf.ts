import type { ConnectionContext } from '#lib/connector-sdk';

/** The context of a session that nobody listens to: its messages are let go. */
export const deaf = (context: Pick<ConnectionContext, 'dial' | 'signal' | 'log'>): Omit<ConnectionContext, 'state'> => ({
  dial: (host, port) => context.dial(host, port),
  signal: context.signal,
  log: context.log,
  held: false,
  onFlow: () => undefined,
  proven: () => undefined,
  lost: () => undefined,
  gap: () => undefined,
  receive: () => Promise.resolve(),
});
