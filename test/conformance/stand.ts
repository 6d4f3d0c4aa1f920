import type { Definition } from '#lib/connector-sdk';
import { definitionOf } from '#lib/connectors';
import { type IntegrationState, SendReply, type StatusRecord, sendSubject } from '#lib/contracts';
import type { StoredInbound } from '#lib/messaging';
import { type Harness, startHarness } from '../../libs/connector-runtime/src/testing/harness.ts';
import type { Configured, Driver, Outlet, ProviderServer, Source } from '../providers/driver.ts';
import { type GatedProvider, gated } from './gated-provider.ts';
import { until } from './until.ts';

/** The plan of an application: no throttle unless a case wants one. */
const UNLIMITED = { messagesPerSecond: 0, burst: 0, payloads: 0, period: 'month' as const };
/** As long as a short acknowledgement deadline of a provider. */
const REDELIVERY_MS = 1_000;

interface Connected<Place> {
  readonly place: Place;
  readonly integration: IntegrationState;
}

/** One provider with all around it that a case needs: its server, a bus, and a connector as production runs it, loaded by its definition. */
export class Stand {
  readonly definition: Definition;
  readonly #integrations = new Map<string, { state: IntegrationState; version: number }>();
  #names = 0;
  private constructor(
    driver: Driver,
    readonly server: ProviderServer,
    readonly harness: Harness,
    readonly provider: GatedProvider,
  ) {
    this.definition = definitionOf(driver.type);
  }

  static async start(driver: Driver): Promise<Stand> {
    const [server, harness] = await Promise.all([driver.start(), startHarness({ type: driver.type })]);
    Object.assign(process.env, server.settings);
    const stand = new Stand(driver, server, harness, gated(await definitionOf(driver.type).load()));
    await stand.startConnector();
    return stand;
  }

  async startConnector(): Promise<void> {
    await this.harness.startWith(this.provider);
  }

  async stop(): Promise<void> {
    await this.harness.stop();
    await this.server.stop();
  }

  /** Heals what cases broke, and deletes what they made. */
  async clear(): Promise<void> {
    this.provider.holding = 'none';
    this.server.proxy.mode({ kind: 'pass' });
    if (!this.harness.bus.connected) await this.busUp();
    for (const { state } of [...this.#integrations.values()]) await this.delete(state);
  }

  async busUp(): Promise<void> {
    await this.harness.nats.start();
    await until('the bus is back', () => this.harness.bus.connected, Boolean);
  }

  /** An integration in an application of its own, not waited for. */
  async integrate({ topics, config }: Configured, limits: Partial<typeof UNLIMITED> = {}): Promise<IntegrationState> {
    const { id } = await this.harness.application({ limits: { ...UNLIMITED, ...limits } });
    const state = await this.harness.integration(id, { topics: [...topics], config: { ...config } });
    this.#integrations.set(state.id, { state, version: 1 });
    return state;
  }

  /** A source of its own, and an integration that is connected to it. */
  async source(options: { ordered?: boolean; limits?: Partial<typeof UNLIMITED> } = {}): Promise<Connected<Source>> {
    return await this.#connected(await this.server.source(`case-${++this.#names}`, options), options.limits);
  }

  async outlet(): Promise<Connected<Outlet>> {
    return await this.#connected(await this.server.outlet(`case-${++this.#names}`));
  }

  async #connected<Place extends Configured>(place: Place, limits?: Partial<typeof UNLIMITED>): Promise<Connected<Place>> {
    const integration = await this.integrate(place, limits);
    await this.untilState(integration, 'connected');
    return { place, integration };
  }

  /** Its next version; resolves before that is applied. */
  async change({ id, applicationId }: IntegrationState, over: Partial<IntegrationState>): Promise<void> {
    const known = this.#integrations.get(id);
    if (known === undefined) throw new Error('no such integration was made');
    known.state = await this.harness.integration(applicationId, { ...known.state, ...over }, ++known.version);
  }

  async delete(integration: IntegrationState): Promise<void> {
    const version = (this.#integrations.get(integration.id)?.version ?? 1) + 1;
    this.#integrations.delete(integration.id);
    await this.harness.deleteIntegration(integration, version);
    await until(
      'its status is gone',
      () => this.harness.status(integration),
      (status) => status === undefined,
    );
    await until(
      'it is disposed of',
      () => this.provider.disposed,
      (disposed) => disposed.includes(integration.id),
    );
  }

  async untilState(integration: IntegrationState, state: StatusRecord['state'], version = 1): Promise<StatusRecord> {
    const status = await until(
      `the state ${state}`,
      () => this.harness.status(integration),
      (seen) => seen?.state === state && seen.appliedVersion >= version,
    );
    return status as StatusRecord;
  }

  /** Breaks its link as a server that goes away and comes back, and resolves when there is another. */
  async breakLink(integration: IntegrationState): Promise<void> {
    const { proxy } = this.server;
    proxy.mode({ kind: 'refuse' });
    proxy.drop();
    await this.untilState(integration, 'disconnected');
    proxy.mode({ kind: 'pass' });
    await this.untilState(integration, 'connected');
  }

  /** Its messages on the bus, oldest first. */
  async stored(integration: IntegrationState): Promise<StoredInbound[]> {
    return (await this.harness.inbound(integration)).filter(({ type }) => type === 'message');
  }

  /** Its messages, once they are these and in this order. */
  async untilStored(integration: IntegrationState, wanted: readonly string[]): Promise<StoredInbound[]> {
    return await this.untilMessages(
      integration,
      `${wanted.length} messages, in order`,
      (texts) => texts.length === wanted.length && texts.every((text, index) => text === wanted[index]),
    );
  }

  /** Its messages, once each of these is there, and there once. Their order is a case of its own: not every queue keeps one. */
  async untilEach(integration: IntegrationState, wanted: readonly string[]): Promise<StoredInbound[]> {
    const sorted = wanted.toSorted();
    return await this.untilMessages(
      integration,
      `${wanted.length} messages, each once`,
      (texts) => texts.length === sorted.length && texts.toSorted().every((text, index) => text === sorted[index]),
    );
  }

  /** Its messages, once their texts are what is wanted. With `from`: of a broken link, where acknowledgements are overdue. */
  async untilMessages(
    integration: IntegrationState,
    what: string,
    holds: (texts: readonly string[]) => boolean,
    from?: Source,
  ): Promise<StoredInbound[]> {
    let redelivered = performance.now();
    const see = async (): Promise<StoredInbound[]> => {
      if (from?.redeliver !== undefined && performance.now() - redelivered > REDELIVERY_MS) {
        redelivered = performance.now();
        await from.redeliver();
      }
      return await this.stored(integration);
    };
    try {
      return await until(what, see, (stored) => holds(stored.map(({ body }) => textOf(body))));
    } catch (cause) {
      throw new Error(`while its status is ${JSON.stringify(await this.harness.status(integration))}`, { cause });
    }
  }

  /** The source keeps no message for us any more, where it can be asked. */
  async untilAcknowledged(source: Source): Promise<void> {
    await until(
      'the source keeps nothing',
      () => source.kept?.() ?? 0,
      (count) => count === 0,
    );
  }

  /** Asks the owner of an integration for a send, as a workflow does. */
  async send(integration: IntegrationState, id: string, payload: string, options: Outlet['options']): Promise<SendReply> {
    const subject = sendSubject(this.definition.type, integration.applicationId, integration.id);
    const request = { id, options, payload, encoding: 'utf8', time: new Date().toISOString() };
    const answer = await this.harness.bus.request(subject, Buffer.from(JSON.stringify(request)), 10_000);
    return SendReply.parse(JSON.parse(textOf(answer)));
  }
}

export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
export const numbered = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, index) => `m${from + index}`);
