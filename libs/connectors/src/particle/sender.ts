import { type ConnectionConfig, ConnectorError, type Sender, type SenderContext } from '#lib/connector-sdk';
import { FunctionCalls } from './calls.ts';
import type { ParticleConfig } from './config.ts';

/** Calls functions, and opens no event stream. */
export function openSender(url: URL, { config }: ConnectionConfig<ParticleConfig>, context: SenderContext): Sender {
  const calls = new FunctionCalls({ url, accessToken: config.accessToken }, config, context, () =>
    context.lost(new ConnectorError('unauthorized', 'Unauthorized. Particle does not accept accessToken (401).')),
  );
  return {
    send: async (message) => await calls.call(message),
    close: () => {
      calls.end();
      return Promise.resolve();
    },
  };
}
