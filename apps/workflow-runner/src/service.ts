import { RUN_COUNTS_SUBJECT, RunCountsRequest, type RunCountsReply } from '#lib/contracts';
import { parseAllow } from '#lib/egress';
import { openDatabase } from '#lib/event-sourcing';
import { connectBus, type StoredTriggered } from '#lib/messaging';
import { createPartitionReader, own } from '#lib/partitions';
import { type Logger, type Readiness, reportReadiness, type RunningService } from '#lib/platform';
import { DataKeys, loadMasterKey, SecretKeys } from '#lib/secrets';
import { RunActivity } from './activity.ts';
import { Catalog } from './catalog.ts';
import { buryFlowError, buryPoison, buryRun, type KeepTrying } from './dead-letters.ts';
import { createSandbox, createValidator, type Ports } from './engine/index.ts';
import { eventOf, tellFlowError } from './flow-errors.ts';
import { HttpClient } from './http/client.ts';
import { httpCredentials } from './http/credentials.ts';
import { sendOutput } from './outputs.ts';
import { forgetKept, KeptValues, readKept } from './persistence/kept-values.ts';
import { migrations } from './persistence/migrations.ts';
import { readRunCounts } from './persistence/run-counts.ts';
import { StepWriter } from './persistence/run-steps.ts';
import { Restarts } from './restarts.ts';
import { Runs, type Effect } from './runs.ts';
import { Scheduler } from './scheduler.ts';
import { settledThrough } from './settled.ts';

export interface RunnerOptions {
  readonly natsUrl: string;
  readonly postgresUrl: string;
  readonly replicaId: string;
  /** It is the only replica by construction: it takes all partitions at once. */
  readonly standalone: boolean;
  /** How long a stop waits for runs that are under way, ms; default as in {@link createPartitionReader}. */
  readonly drainMs?: number;
  readonly log: Logger;
  readonly masterKeyFile: string;
  /** `SLUICE_EGRESS_ALLOW`. */
  readonly egressAllow: string;
}

/** Runs of one partition that are begun or wait: a delay lasts up to 59 s, and six integrations bring 7,000 messages meanwhile (20 a second each). */
const OPEN_RUNS = 8_000;
/** How often it is forgotten what deleted workflows kept, ms. */
const FORGET_EVERY_MS = 10 * 60_000;
/** The service's own schema in PostgreSQL. */
const SCHEMA = 'runner';

/** Opens what the runner stands on, in order, and starts reading. What was opened is closed again when the start fails. */
export async function openRunner(options: RunnerOptions): Promise<RunningService> {
  const { log, replicaId } = options;
  const egress = parseAllow(options.egressAllow);
  const secrets = new SecretKeys(await loadMasterKey(options.masterKeyFile));
  const closing: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (let close = closing.pop(); close !== undefined; close = closing.pop()) await close();
  };
  try {
    const bus = await connectBus({ servers: options.natsUrl, name: `runner-${replicaId}`, shared: options.standalone });
    closing.push(() => bus.close());
    await bus.verify();
    const database = await openDatabase({ url: options.postgresUrl, schema: SCHEMA, migrations });
    closing.push(() => database.destroy());
    const sandbox = createSandbox();
    closing.push(() => sandbox.close());
    const validator = createValidator();
    closing.push(() => validator.close());
    const catalog = new Catalog();
    const keys = new DataKeys(bus.kv('KEYS'), secrets);
    const credential = httpCredentials((applicationId, name) => catalog.credential(applicationId, name), keys);
    const http = new HttpClient({ egress, credential });
    closing.push(async () => http.close());
    const deleted = new Set<string>();
    const follower = await bus.followConfig(
      ['application', 'workflow', 'integration', 'credential'],
      (change) => {
        catalog.apply(change);
        if (change.kind === 'application' && change.state === null) keys.forget(change.id);
        if (change.kind === 'workflow' && change.state === null) deleted.add(change.id);
      },
      (subject, reason) => log.error({ subject, reason }, 'an event of the configuration is unreadable'),
    );
    closing.push(() => follower.stop());

    const ended = new AbortController();
    const onError = (error: unknown): void => log.warn({ err: error }, 'trying again');
    const keepTrying: KeepTrying = { signal: ended.signal, onError };
    closing.push(async () => ended.abort());

    const forgetting = setInterval(() => {
      const gone = [...deleted];
      forgetKept(database, gone).then(() => gone.forEach((id) => deleted.delete(id)), onError);
    }, FORGET_EVERY_MS);
    closing.push(async () => clearInterval(forgetting));

    const activity = new RunActivity(bus);
    const ports: Ports = {
      send: (output) => sendOutput(bus, output),
      integration: (applicationId, integrationId) => catalog.integration(applicationId, integrationId),
      http: (call) => http.call(call),
      runScript: (script) => sandbox.run(script),
      validate: (validation) => validator.validate(validation),
      debug: (entry) => activity.debug(entry, Date.now()),
      now: Date.now,
    };
    const scheduler = new Scheduler();
    const runs = new Runs({
      catalog,
      follower,
      ports,
      activity,
      scheduler,
      steps: new StepWriter(database, keepTrying),
      values: new KeptValues((work) => database.transaction((manager) => work(manager)), keepTrying),
      keptBy: (flowId) => readKept(database, flowId),
      restarts: new Restarts(database, scheduler, keepTrying),
      transact: (work) => database.transaction((manager) => work(manager)),
      writeFence: (partition, token) => bus.writeFence('INBOUND', 'runner', partition, token),
      tellError: (run, fence) => tellFlowError({ bus, configSequence: () => follower.sequence, ...keepTrying }, run, fence),
      streamEnd: () => bus.streamInfo('TRIGGERED'),
      requestCommit: (partition) => reader.requestCommit(partition),
      bury: {
        run: (event, message) => buryRun(bus, event, message, keepTrying),
        error: (run) => buryFlowError(bus, eventOf(run, follower.sequence), keepTrying),
        poison: (poison) => buryPoison(bus, poison, keepTrying),
      },
      onError,
    });
    const reader = createPartitionReader<StoredTriggered, Effect>({
      bus,
      database,
      stream: 'TRIGGERED',
      read: (request) => bus.readTriggered(request),
      faultPoint: 'runner.afterCommit',
      prepare: (held) => runs.prepare(held),
      onMessage: runs.onMessage,
      onPoison: runs.onPoison,
      apply: runs.apply,
      onCommitted: runs.onCommitted,
      purgeThrough: (partition) => settledThrough(bus, partition),
      onFenced: (partition) => runs.forget([partition]),
      limits: { partition: OPEN_RUNS },
      drainMs: options.drainMs,
      onError,
    });

    const answer = async (body: Uint8Array): Promise<RunCountsReply> => {
      try {
        return await readRunCounts(database, RunCountsRequest.parse(JSON.parse(Buffer.from(body).toString())));
      } catch (error) {
        log.warn({ err: error }, 'run counts could not be answered');
        return { error: 'the counts of runs could not be read now' };
      }
    };
    const counts = bus.serve(RUN_COUNTS_SUBJECT, async (_, body) => Buffer.from(JSON.stringify(await answer(body))), { queue: 'runner' });
    closing.push(() => counts.stop());

    const ownership = await own({
      bus,
      service: 'runner',
      replicaId,
      alone: options.standalone,
      acquired: (leases) => reader.take(leases),
      released: async (leases, why) => {
        const partitions = leases.map(({ partition }) => partition);
        if (why === 'lost') {
          reader.lose(leases);
          runs.forget(partitions);
        } else {
          await reader.release(leases);
          await runs.give(partitions);
        }
      },
      onError,
    });
    closing.push(async () => {
      const held = [...ownership.held.keys()];
      await reader.stop();
      await runs.give(held).catch(onError); // only how the successor names what it finds
      runs.end();
      await ownership.stop();
    });

    const ready = (): Readiness => {
      const { ready: ok, reasons } = reportReadiness({
        bus: () => (bus.connected ? { ok: true } : { ok: false, reason: 'the connection to NATS is lost' }),
        reader: () => reader.ready(),
        partitions: () => ownership.ready(),
      });
      return ok ? { ok } : { ok, reason: reasons.join('; ') };
    };
    return { ready, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
