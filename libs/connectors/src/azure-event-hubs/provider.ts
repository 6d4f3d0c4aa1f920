import type { Connection, ConnectionConfig, ConnectionContext, Provider } from '#lib/connector-sdk';
import type { ResolvedAzureEventHubConfig } from './config.ts';
import type { ConnectOptions } from './library.ts';
import { SharedConnections } from './shared-connections.ts';

/** Azure Event Hubs over AMQP. README.md beside this file says what a user may rely on. `options`: for tests. */
export function azureEventHubProvider(options: ConnectOptions = {}): Provider<ResolvedAzureEventHubConfig> {
  const connections = new SharedConnections();
  const open = async (
    config: ConnectionConfig<ResolvedAzureEventHubConfig>,
    context: ConnectionContext,
    read: boolean,
  ): Promise<Connection> => {
    // Azure's client is loaded where there is a hub to connect to: a connector that has none is spared its memory.
    const { connect } = await import('./library.ts');
    return await connect(config, context, { ...options, read, connections });
  };
  return {
    connect: async (config, context) => await open(config, context, true),
    // Who reads a partition ends the link of whoever read it before: a changed key is tried by asking for the hub.
    trial: async (config, context) => await open(config, context, false),
    sender: async (config, context) => {
      const { openSender } = await import('./library.ts');
      return openSender(config, context, options);
    },
    check: async (config, context) => {
      const { check } = await import('./check.ts');
      await check(config, context, options);
    },
  };
}
