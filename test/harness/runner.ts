import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  type Activity,
  type ConfigStates,
  type LiveKind,
  type NodeState,
  partitionOf,
  RUN_COUNTS_SUBJECT,
  type SendReply,
  SendRequest,
  sendSubject,
  settledSubject,
  type TriggeredEvent,
  type WorkflowState,
} from '#lib/contracts';
import { type Bus, connectBus, type Fence, migrateBus } from '#lib/messaging';
import { createLogger, type RunningService } from '#lib/platform';
import pg from 'pg';
import { vi } from 'vitest';
import { startRunner } from '../../apps/workflow-runner/src/index.ts';
import { change } from '../builders/inbound.ts';
import { application, integration, trigger, triggered, workflow } from '../builders/runs.ts';
import { newId } from './dispatch.ts';
import { secretSettings } from '../servers/master-key.ts';
import { startTestNats, type TestNats } from '../servers/nats.ts';
import { startTestPostgres, type TestPostgres } from '../servers/postgres.ts';

const log = createLogger({ service: 'runner', level: process.env['SLUICE_TEST_LOG'] ?? 'silent' });
/** Of all partitions. */
const SETTLED = `${settledSubject(0).slice(0, -1)}>`;
const PROCESS = fileURLToPath(new URL('../e2e/runner-process.ts', import.meta.url));

/** An application with a broker and a workflow. */
export interface RunTenant {
  readonly applicationId: string;
  readonly integrationId: string;
  readonly workflowId: string;
  readonly decidedAt: number;
  readonly fence: Fence;
}

/** Everything around the runner: its servers, what config, dispatch and the connectors do on the bus, and runners as processes that can be killed. */
export class RunnerHarness {
  readonly activity: Activity[] = [];
  readonly #running = new Set<RunningService>();
  readonly #processes = new Set<ChildProcess>();
  readonly #serving = new Set<{ stop(): Promise<void> }>();
  /** Where each state was stored last. */
  readonly #stored = new Map<string, number>();
  #epoch = 0;
  /** How far dispatch says it needs nothing of TRIGGERED; undefined: it says nothing. */
  settledThrough: number | undefined = Number.MAX_SAFE_INTEGER;

  private constructor(
    readonly nats: TestNats,
    readonly postgres: TestPostgres,
    readonly bus: Bus,
    readonly sql: pg.Client,
  ) {}

  static async start(): Promise<RunnerHarness> {
    const [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
    const options = { servers: nats.url, name: 'test' };
    await migrateBus(options, { streamBytes: 64 * 1024 * 1024, replicas: 1 });
    const bus = await connectBus(options);
    const sql = new pg.Client(postgres.url);
    await sql.connect();
    const harness = new RunnerHarness(nats, postgres, bus, sql);
    await bus.followActivity((entry) => void harness.activity.push(entry));
    bus.serve(SETTLED, async () => {
      if (harness.settledThrough === undefined) throw new Error('dispatch is being moved');
      return Buffer.from(JSON.stringify({ through: harness.settledThrough }));
    });
    return harness;
  }

  async stop(): Promise<void> {
    await this.sql.end();
    await this.bus.close();
    await Promise.all([this.nats.stop(), this.postgres.stop()]);
  }

  /** Ends what one test has started. */
  async clear(): Promise<void> {
    for (const service of this.#running) await this.stopRunner(service);
    for (const child of this.#processes) await this.kill(child);
    for (const server of this.#serving) await server.stop();
    this.#serving.clear();
    this.settledThrough = Number.MAX_SAFE_INTEGER;
  }

  /** A runner in this process, until the test ends. Resolves when it is ready. */
  async startRunner(options: { readonly drainMs?: number } = {}): Promise<RunningService> {
    const { nats, postgres } = this;
    const service = await startRunner({
      natsUrl: nats.url,
      postgresUrl: postgres.url,
      replicaId: 'r1',
      standalone: true,
      log,
      ...options,
      ...secretSettings(),
    });
    this.#running.add(service);
    await vi.waitFor(
      () => {
        const { ok, reason } = service.ready();
        if (!ok) throw new Error(`the runner is not ready: ${reason}`);
      },
      { timeout: 30_000 },
    );
    return service;
  }

  async stopRunner(service: RunningService): Promise<void> {
    this.#running.delete(service);
    await service.stop();
  }

  /** The runner as a process of its own, to be killed; `fault` is a point at which it kills itself. Resolves when it is ready, or gone. */
  async spawn(fault = ''): Promise<ChildProcess> {
    const flags = ['-C', 'source', '-C', 'fault', '--experimental-transform-types', '--no-warnings'];
    const env = { ...process.env, NODE_OPTIONS: '', SLUICE_FAULT: fault };
    const args = [...flags, PROCESS, this.nats.url, this.postgres.url];
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#processes.add(child);
    await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    return child;
  }

  async kill(child: ChildProcess): Promise<void> {
    this.#processes.delete(child);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** As the configuration service does. */
  async configure<K extends LiveKind>(kind: K, state: ConfigStates[K] & { applicationId?: string }): Promise<number> {
    const applicationId = state.applicationId ?? state.id;
    const event = change(kind, state.id, state, { applicationId, epoch: ++this.#epoch, eventPosition: this.#epoch });
    const { position } = await this.bus.publishConfig(event, { expected: this.#stored.get(state.id) ?? 0 });
    this.#stored.set(state.id, position);
    return position;
  }

  /** An application with a broker and one workflow, that starts at the first node on each message. */
  async tenant(
    nodes: (ids: { integrationId: string }) => NodeState[],
    changes: (ids: { integrationId: string }) => Partial<WorkflowState> = () => ({}),
  ): Promise<RunTenant> {
    const [applicationId, integrationId, workflowId] = [newId(), newId(), newId()];
    await this.configure('application', application({ id: applicationId }));
    await this.configure('integration', integration({ id: integrationId, applicationId }));
    const made = nodes({ integrationId });
    const triggers = [trigger([made[0]?.id ?? ''], { key: integrationId })];
    const decidedAt = await this.configure(
      'workflow',
      workflow(made, { triggers, ...changes({ integrationId }), id: workflowId, applicationId }),
    );
    const fence = await this.bus.writeFence('TRIGGERED', 'test', partitionOf(applicationId), ++this.#epoch);
    return { applicationId, integrationId, workflowId, decidedAt, fence };
  }

  /** What dispatch does: stores that message `number` of the tenant's broker starts its workflow. */
  async publish(to: RunTenant, number: number, changes: Partial<TriggeredEvent> = {}): Promise<number> {
    const { applicationId, integrationId, workflowId, decidedAt, fence } = to;
    const event = triggered(
      {
        id: `${workflowId}-${number}`,
        applicationId,
        workflowId,
        triggerKey: integrationId,
        decidedAt,
        inboundSequence: number,
        body: Buffer.from(String(number)),
        ...changes,
      },
      { sourceId: integrationId, number },
    );
    return (await this.bus.publishTriggered(event, fence)).position;
  }

  /** The owner of the tenant's broker: answers each send as `verdict` says, and keeps what it was asked. */
  owner(of: RunTenant, verdict: (request: SendRequest) => SendReply['verdict'] = () => 'succeeded'): SendRequest[] {
    const requests: SendRequest[] = [];
    const subject = sendSubject('mqtt', of.applicationId, of.integrationId);
    this.#serving.add(
      this.bus.serve(subject, async (_, body) => {
        const request = SendRequest.parse(JSON.parse(Buffer.from(body).toString()));
        requests.push(request);
        return Buffer.from(JSON.stringify({ verdict: verdict(request) }));
      }),
    );
    return requests;
  }

  async counts(of: RunTenant): Promise<unknown> {
    const request = { applicationId: of.applicationId, integrationId: of.integrationId };
    const reply = await this.bus.request(RUN_COUNTS_SUBJECT, Buffer.from(JSON.stringify(request)), 5_000);
    return JSON.parse(Buffer.from(reply).toString());
  }

  /** What was shown of the tenant's runs: id, attempt and status. */
  attemptsOf(of: RunTenant): unknown[] {
    return this.activity
      .filter(({ kind, id }) => kind === 'run' && id === of.workflowId)
      .map(({ body }) => [body['id'], body['attempt'], body['status']]);
  }
}
