import type { Connection, ConnectionConfig, ConnectionContext, Provider } from '#lib/connector-sdk';
import type { Service } from './channel.ts';
import type { ResolvedGooglePubSubConfig } from './config.ts';

type Library = typeof import('./library.ts');
type Config = ConnectionConfig<ResolvedGooglePubSubConfig>;

let library: Promise<Library> | undefined;

/** Loads Google's client at the first connect: it costs 300 ms and some 40 MB. */
function load(): Promise<Library> {
  // Nothing is ever to be asked of a metadata server: no credential but the integration's own counts.
  process.env['METADATA_SERVER_DETECTION'] = 'none';
  library ??= import('./library.ts').catch((error: unknown) => {
    library = undefined;
    throw error;
  });
  return library;
}

export interface GooglePubSubProviderOptions {
  /** For tests; default: the emulator of PUBSUB_EMULATOR_HOST where the operator set it, else Google. */
  readonly service?: Service;
}

/** Google Pub/Sub over gRPC. README.md beside this file says what a user may rely on. */
export function googlePubSubProvider(options: GooglePubSubProviderOptions = {}): Provider<ResolvedGooglePubSubConfig> {
  const service = options.service ?? emulatorOf(process.env['PUBSUB_EMULATOR_HOST']);
  const swept = new SweptIntegrations();
  return {
    connect: async (config: Config, context: ConnectionContext): Promise<Connection> => {
      const { connect } = await load();
      const unswept = (): void => swept.forget(config.integrationId);
      return await connect(config, context, { service, sweep: swept.isDue(config), unswept });
    },
    sender: async (config, context) => {
      const { openSender } = await load();
      return await openSender(config, context, service);
    },
    check: async (config, context) => {
      const { check } = await load();
      await check(config, context, service);
    },
    dispose: async (config, context) => {
      swept.forget(config.integrationId);
      const { dispose } = await load();
      await dispose(config, context, service);
    },
  };
}

/** `host:port`, as Google's own clients read it. Throws when it can't be read. */
export function emulatorOf(setting: string | undefined): Service | undefined {
  if (setting === undefined || setting === '') return undefined;
  const url = `http://${setting.replace(/^https?:\/\//, '')}`;
  if (!URL.canParse(url)) throw new Error('PUBSUB_EMULATOR_HOST must be host:port.');
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : Number(port), trust: 'plain' };
}

/** More are forgotten, and looked through once more. */
const MAX_REMEMBERED = 20_000;

/** Whose project was looked through for subscriptions of topics that went away: once a process, and again when the topics changed. */
class SweptIntegrations {
  readonly #topics = new Map<string, string>();

  isDue({ integrationId, topics, config: { projectId } }: Config): boolean {
    const state = JSON.stringify([projectId, topics]);
    if (this.#topics.get(integrationId) === state) return false;
    this.#topics.delete(integrationId);
    this.#topics.set(integrationId, state);
    const [oldest] = this.#topics.keys();
    if (this.#topics.size > MAX_REMEMBERED && oldest !== undefined) this.#topics.delete(oldest);
    return true;
  }

  forget(integrationId: string): void {
    this.#topics.delete(integrationId);
  }
}
