import type { Provider } from '#lib/connector-sdk';
import type { WebsocketConfig } from './config.ts';

/** Any WebSocket server. README.md beside this file says what a user may rely on. The client library is loaded at the first connect. */
export function websocketProvider(): Provider<WebsocketConfig> {
  return {
    connect: async (connection, context) => {
      const { openSession } = await import('./session.ts');
      return await openSession(connection.config, context);
    },
    check: async (connection, context) => {
      const { check } = await import('./check.ts');
      await check(connection.config, context);
    },
    // Servers that send the same to each of their clients are the rule; where one doesn't, nothing is equal.
    copies: ({ attributes, body }) => `${attributes['binary'] === true}${Buffer.from(body).toString('latin1')}`,
  };
}
