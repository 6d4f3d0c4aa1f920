import type {
  Connection,
  ConnectionConfig,
  ConnectionContext,
  Provider,
  SendMessage,
  SendOutcome,
  SenderContext,
} from '#lib/connector-sdk';

/** One connection that the runtime made, in the test's hands. */
export interface ScriptedLink {
  readonly config: ConnectionConfig<Record<string, unknown>>;
  readonly context: ConnectionContext;
  open: boolean;
  /** Ids of what was sent through it. */
  readonly sent: string[];
}

/** One sender that the runtime made. */
export interface ScriptedSender {
  readonly config: ConnectionConfig<Record<string, unknown>>;
  readonly context: SenderContext;
  open: boolean;
  readonly sent: string[];
}

export interface Script {
  /** Decides an attempt: throw to refuse it. */
  connect: (config: ConnectionConfig<Record<string, unknown>>) => void | Promise<void>;
  send: (message: SendMessage) => Promise<SendOutcome>;
  probe: () => Promise<void>;
  /** What is still to do when a link is closed in order. */
  drain: (link: ScriptedLink) => Promise<void>;
}

/** A provider without a network: its links live in memory, and the test plays the server. */
export class ScriptedProvider implements Provider<Record<string, unknown>> {
  trial?: NonNullable<Provider<Record<string, unknown>>['trial']>;
  check?: NonNullable<Provider<Record<string, unknown>>['check']>;
  copies?: NonNullable<Provider['copies']>;
  readonly links: ScriptedLink[] = [];
  readonly senders: ScriptedSender[] = [];
  sender?: NonNullable<Provider<Record<string, unknown>>['sender']> = (config, context) => {
    const made: ScriptedSender = { config, context, open: true, sent: [] };
    this.senders.push(made);
    return Promise.resolve({
      send: async (message) => {
        made.sent.push(message.id);
        return await this.script.send(message);
      },
      close: () => {
        made.open = false;
        return Promise.resolve();
      },
    });
  };
  readonly disposed: string[] = [];
  /** Integration of each attempt. */
  readonly attempts: string[] = [];
  readonly script: Script = {
    connect: () => undefined,
    send: () => Promise.resolve({ verdict: 'succeeded' }),
    probe: () => Promise.resolve(),
    drain: () => Promise.resolve(),
  };

  async connect(config: ConnectionConfig<Record<string, unknown>>, context: ConnectionContext): Promise<Connection> {
    this.attempts.push(config.integrationId);
    await this.script.connect(config);
    const link: ScriptedLink = { config, context, open: true, sent: [] };
    this.links.push(link);
    context.proven('suback');
    return {
      connectData: { topics: config.topics },
      send: (message) => {
        link.sent.push(message.id);
        return this.script.send(message);
      },
      probe: () => this.script.probe(),
      close: async ({ drain }) => {
        if (drain) await this.script.drain(link);
        link.open = false;
      },
    };
  }

  dispose(config: ConnectionConfig<Record<string, unknown>>): Promise<void> {
    this.disposed.push(config.integrationId);
    return Promise.resolve();
  }

  /** What the runtime gave the open link of an integration. */
  context(integrationId: string): ConnectionContext {
    const [link] = this.of(integrationId);
    if (link === undefined) throw new Error('the integration is not connected');
    return link.context;
  }

  attemptsOf(integrationId: string): number {
    return this.attempts.filter((id) => id === integrationId).length;
  }

  /** Open links of an integration. */
  of(integrationId: string): ScriptedLink[] {
    return this.links.filter((link) => link.open && link.config.integrationId === integrationId);
  }
}
