import { randomBytes } from 'node:crypto';
import { type ClientProxy, ClientProxyFactory, Transport } from '@nestjs/microservices';
import {
  type ConfigStates,
  type InboundEvent,
  type LiveKind,
  Reply,
  RUN_COUNTS_SUBJECT,
  triggeredSubject,
  type WorkflowState,
} from '#lib/contracts';
import { type Bus, BusError, connectBus, migrateBus, nestConnectionOptions, type StoredTriggered } from '#lib/messaging';
import { firstValueFrom, timeout } from 'rxjs';
import { change, inbound } from '../builders/inbound.ts';
import { application, integration, trigger, workflow } from '../builders/runs.ts';
import { startTestNats, type TestNats } from '../servers/nats.ts';
import { startTestPostgres, type TestPostgres } from '../servers/postgres.ts';

export interface Tenant {
  readonly applicationId: string;
  readonly integrationId: string;
  readonly workflowId: string;
}

export const newId = (): string => randomBytes(12).toString('hex');

/** How long a question may stay open, ms: one that was lost with a link is never answered. */
const ANSWER_MS = 5_000;

/** Everything around dispatch: its servers, what the configuration service, connectors and the runner do on the bus, and who asks it. */
export class DispatchHarness {
  /** Where each state was stored last. */
  readonly #stored = new Map<string, number>();
  #epoch = 0;

  private constructor(
    readonly nats: TestNats,
    readonly postgres: TestPostgres,
    readonly bus: Bus,
    private readonly proxy: ClientProxy,
    private readonly runner: { stop(): Promise<void> } | undefined,
  ) {}

  /** `runner`: one that answers what nobody has run, unless the test starts a real one. */
  static async start(streamBytes: number, runner: 'scripted' | 'real' = 'scripted'): Promise<DispatchHarness> {
    const [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
    const options = { servers: nats.url, name: 'test' };
    await migrateBus(options, { streamBytes, replicas: 1 });
    const bus = await connectBus(options);
    const proxy = ClientProxyFactory.create({ transport: Transport.NATS, options: nestConnectionOptions(options) });
    const counts = Buffer.from(JSON.stringify({ succeeded: 0, failed: 0, deadLettered: 0 }));
    const scripted = runner === 'scripted' ? bus.serve(RUN_COUNTS_SUBJECT, async () => counts) : undefined;
    return new DispatchHarness(nats, postgres, bus, proxy, scripted);
  }

  async stop(): Promise<void> {
    await this.proxy.close();
    await this.runner?.stop();
    await this.bus.close();
    await Promise.all([this.nats.stop(), this.postgres.stop()]);
  }

  /** Of the last event of the configuration. */
  get eventPosition(): number {
    return this.#epoch;
  }

  /** As the configuration service does; `state` null deletes. Resolves with the CONFIG sequence. */
  async configure<K extends LiveKind>(kind: K, of: { applicationId: string; id: string }, state: ConfigStates[K] | null): Promise<number> {
    const event = change(kind, of.id, state, { applicationId: of.applicationId, epoch: ++this.#epoch, eventPosition: this.#epoch });
    const { position } = await this.bus.publishConfig(event, { expected: this.#stored.get(of.id) ?? 0 });
    this.#stored.set(of.id, position);
    return position;
  }

  async workflow(tenant: Tenant, changes: Partial<WorkflowState> = {}): Promise<number> {
    const id = changes.id ?? tenant.workflowId;
    const triggers = [trigger([], { key: tenant.integrationId })];
    const state = workflow([], { triggers, ...changes, id, applicationId: tenant.applicationId });
    return await this.configure('workflow', { applicationId: tenant.applicationId, id }, state);
  }

  /** An application with a broker, and a workflow that each of its messages starts. */
  async tenant(limits: Partial<ConfigStates['application']['limits']> = {}, applicationId = newId()): Promise<Tenant> {
    const tenant = { applicationId, integrationId: newId(), workflowId: newId() };
    const state = application({ id: applicationId });
    await this.configure('application', { applicationId, id: applicationId }, { ...state, limits: { ...state.limits, ...limits } });
    await this.integration(tenant);
    await this.workflow(tenant);
    return tenant;
  }

  async integration({ applicationId, integrationId }: Tenant, enabled = true): Promise<number> {
    const state = integration({ id: integrationId, applicationId, enabled });
    return await this.configure('integration', { applicationId, id: integrationId }, state);
  }

  /** Stores an event of the tenant's broker, as its connector does: again and again until the bus has it, under one message id. */
  async store(tenant: Tenant, changes: Partial<InboundEvent> = {}): Promise<number> {
    const { applicationId, integrationId } = tenant;
    const event = inbound({ applicationId, sourceId: integrationId, ...changes });
    for (let left = 2_400; ; left--) {
      try {
        return (await this.bus.publishInbound(event, event.id, undefined)).position;
      } catch (error) {
        if (left === 0) throw error;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
  }

  /** Messages with the numbers `from` to `to`, in order. */
  async messages(tenant: Tenant, from: number, to: number, changes: Partial<InboundEvent> = {}): Promise<void> {
    for (let number = from; number <= to; number++) await this.store(tenant, { number, body: Buffer.from(String(number)), ...changes });
  }

  /** Fills a stream to its last bytes, with what nobody can read; returns the filter of that. */
  async fill(stream: 'INBOUND' | 'TRIGGERED'): Promise<string> {
    const subject = `${stream.toLowerCase()}.0.${newId()}.${newId()}`;
    for (const size of [1024 * 1024, 64 * 1024, 4 * 1024, 256, 1])
      for (let full = false; !full;)
        await this.bus.publishOutbound(subject, Buffer.alloc(size), newId()).catch((error: unknown) => {
          if (!(error instanceof BusError && error.code === 'full')) throw error;
          full = true;
        });
    return subject;
  }

  /** What is stored of the runs that the tenant's events start; of one workflow, or of all. */
  async triggered({ applicationId }: Tenant, workflowId = '*'): Promise<StoredTriggered[]> {
    const stored = await this.bus.list('TRIGGERED', triggeredSubject(applicationId, workflowId), { max: 100_000 });
    return stored.map((message) => this.bus.decodeTriggered(message));
  }

  /** Running numbers of the messages that started the tenant's workflow, as stored. */
  async startedBy(tenant: Tenant, workflowId = tenant.workflowId): Promise<(number | undefined)[]> {
    return (await this.triggered(tenant, workflowId)).map(({ inbound: { number } }) => number);
  }

  async ask(subject: string, envelope: object): Promise<Reply> {
    return Reply.parse(await firstValueFrom(this.proxy.send<unknown>(subject, envelope).pipe(timeout(ANSWER_MS))));
  }
}

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
