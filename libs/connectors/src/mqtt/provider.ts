import { randomBytes } from 'node:crypto';
import { type Connection, type ConnectionConfig, type ConnectionContext, type Provider } from '#lib/connector-sdk';
import { check } from './check.ts';
import type { ConnectOptions } from './control.ts';
import type { MqttConfig } from './config.ts';
import { deaf } from './deaf.ts';
import { PacketLink } from './link.ts';
import { withoutCertificate } from './reasons.ts';
import { MqttSession } from './session.ts';
import { openStream } from './transport.ts';

/** A broker gives a client up after 1.5 × this without a packet, s. The runtime's probes find a dead broker sooner. */
const KEEP_ALIVE_S = 30;

export interface MqttProviderOptions {
  /** For tests; default {@link KEEP_ALIVE_S}. */
  readonly keepAliveS?: number;
}

/** MQTT 3.1.1 and 5 over TCP, TLS and websockets. README.md beside this file says what a user may rely on. */
export function mqttProvider({ keepAliveS = KEEP_ALIVE_S }: MqttProviderOptions = {}): Provider<MqttConfig> {
  const optionsOf = ({ config, assignedClientId }: ConnectionConfig<MqttConfig>): ConnectOptions => ({
    version: config.protocolVersion === '5' ? 5 : 4,
    clientId: config.clientId ?? assignedClientId,
    clean: config.clean,
    keepAliveS,
    username: config.username,
    password: config.password,
  });
  return {
    connect: async (connection, context) => await open(connection, optionsOf(connection), connection.topics, context),
    // The broker ends whoever is there under the same client id, so it is another one: its beginning stays, as brokers may go by that.
    trial: async (connection, context) => await open(connection, throwAway(optionsOf(connection)), [], context),
    check: async (connection, context) => await check(connection, throwAway(optionsOf(connection)), context),
    dispose: async (connection, context) => {
      if (connection.config.clean) return;
      // A clean session of the same client id ends the one that was kept (MQTT 3.1.1 §3.1.2.4, 5 §3.1.2.4).
      const session = await open(connection, { ...optionsOf(connection), clean: true }, [], {
        ...deaf(context),
        receive: () => Promise.reject(new Error('A session that is being removed takes no messages.')),
      });
      await session.close({ drain: false });
    },
  };
}

async function open(
  connection: ConnectionConfig<MqttConfig>,
  options: ConnectOptions,
  topics: readonly string[],
  context: Omit<ConnectionContext, 'state'>,
): Promise<Connection> {
  const link = new PacketLink(await openStream(connection.config, context), options.version);
  const session = new MqttSession(link, options, topics, context);
  try {
    await session.open();
  } catch (error) {
    throw withoutCertificate(connection.config, error);
  }
  return session;
}

/** Under a client id that nobody has, with a session that ends with the link. */
const throwAway = (options: ConnectOptions): ConnectOptions => ({
  ...options,
  clientId: `${options.clientId}-${randomBytes(4).toString('hex')}`,
  clean: true,
});
