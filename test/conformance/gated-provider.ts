import type { ConnectionContext, Provider, ReceivedMessage } from '#lib/connector-sdk';

/** A real provider, with a hand of the test's on what it is told of its messages. */
export interface GatedProvider extends Provider {
  /** `store`: a message is stored, and the source doesn't hear of it. `all`: it comes no further than here. `none`: the usual. */
  holding: 'none' | 'all' | 'store';
  /** Messages that came this far, oldest first. */
  readonly came: ReceivedMessage[];
  /** Integrations that `dispose` has ended for. */
  readonly disposed: string[];
}

export function gated(real: Provider): GatedProvider {
  const gate: GatedProvider = {
    holding: 'none',
    came: [],
    disposed: [],
    connect: (config, context) => real.connect(config, through(context, gate)),
    ...(real.trial && { trial: (config, context) => real.trial?.(config, context) ?? never }),
    ...(real.copies && { copies: (message) => real.copies?.(message) ?? '' }),
    dispose: async (config, context) => {
      await real.dispose?.(config, context);
      gate.disposed.push(config.integrationId);
    },
  };
  return gate;
}

const never = new Promise<never>(() => undefined);

function through(context: ConnectionContext, gate: GatedProvider): ConnectionContext {
  return {
    receive: async (message) => {
      const { holding } = gate;
      gate.came.push(message);
      if (holding !== 'all') await context.receive(message);
      if (holding !== 'none') await never;
    },
    get held() {
      return context.held;
    },
    onFlow: (listener) => context.onFlow(listener),
    proven: (kind) => context.proven(kind),
    lost: (error) => context.lost(error),
    gap: (from, to, cause) => context.gap(from, to, cause),
    state: context.state,
    dial: (host, port) => context.dial(host, port),
    signal: context.signal,
    log: context.log,
  };
}
