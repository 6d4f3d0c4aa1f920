import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { effective, NUMBER_SUBJECT, NumberRequest, type NumberReply, type WorkflowState } from '#lib/contracts';
import { openDatabase } from '#lib/event-sourcing';
import { connectBus, nestConnectionOptions, type StoredInbound } from '#lib/messaging';
import { createPartitionReader, own, type OwnershipOptions, Served } from '#lib/partitions';
import { type Logger, nestLogger, type Readiness, reportReadiness, type RunningService } from '#lib/platform';
import { answer } from './answers.ts';
import { Catalog } from './catalog.ts';
import { Dispatch } from './dispatch.ts';
import type { Effect } from './effect.ts';
import { forget, readMessageCounts } from './persistence/ledger-reader.ts';
import { writeLedger } from './persistence/ledger-writer.ts';
import { storeFiring } from './firing.ts';
import { migrations } from './persistence/migrations.ts';
import { Timers } from './timers.ts';
import { DispatchContext } from './transport/context.ts';
import { WorkflowDispatchModule } from './workflow-dispatch.module.ts';

export interface DispatchServiceOptions {
  readonly natsUrl: string;
  readonly postgresUrl: string;
  readonly replicaId: string;
  /** It is the only replica by construction: it takes all partitions at once. */
  readonly standalone: boolean;
  readonly log: Logger;
  /** For tests: how its hold on partitions is kept and lost, ms. */
  readonly timing?: OwnershipOptions['timing'];
}

const effectiveOf = (workflow: WorkflowState | null): WorkflowState | null => (workflow === null ? null : effective(workflow));

/** The service's own schema in PostgreSQL. */
const SCHEMA = 'dispatch';
/** How long requests at hand have for their answers when the service stops, ms. */
const STOP_GRACE_MS = 250;
/** How often counts that nobody can ask for any more are forgotten, ms. */
const FORGET_EVERY_MS = 10 * 60_000;

/** Decides what every inbound message starts: quota, match, trigger; and keeps the ledger of messages. */
export async function startDispatch(options: DispatchServiceOptions): Promise<RunningService> {
  const { log, replicaId } = options;
  const closing: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (let close = closing.pop(); close !== undefined; close = closing.pop()) await close();
  };
  try {
    const busOptions = { servers: options.natsUrl, name: `dispatch-${replicaId}`, shared: options.standalone };
    const bus = await connectBus(busOptions);
    closing.push(() => bus.close());
    await bus.verify();
    const database = await openDatabase({ url: options.postgresUrl, schema: SCHEMA, migrations });
    closing.push(() => database.destroy());
    const catalog = new Catalog();
    const timers = new Timers((firing) => void storeFiring({ bus, follower, signal: ended.signal, onError }, firing));
    const ended = new AbortController();
    closing.push(async () => ended.abort());
    closing.push(async () => timers.end());
    const onError = (error: unknown): void => log.warn({ err: error }, 'trying again');
    const deleted = new Set<string>();
    const follower = await bus.followConfig(
      ['application', 'workflow', 'integration'],
      (change) => {
        catalog.apply(change);
        if (change.kind === 'workflow') timers.apply(change.applicationId, change.id, effectiveOf(change.state as WorkflowState | null));
        if (change.kind === 'application' && change.state === null) deleted.add(change.id);
      },
      (subject, reason) => log.error({ subject, reason }, 'an event of the configuration is unreadable'),
    );
    closing.push(() => follower.stop());

    const dispatch = new Dispatch({
      bus,
      database,
      catalog,
      follower,
      timers,
      committed: (partition) => reader.committed(partition),
      onError,
    });
    const reader = createPartitionReader<StoredInbound, Effect>({
      bus,
      database,
      stream: 'INBOUND',
      read: (request) => bus.readInbound(request),
      faultPoint: 'dispatch.afterCommit',
      prepare: (held) => dispatch.prepare(held),
      onMessage: dispatch.onMessage,
      onPoison: dispatch.onPoison,
      apply: (transaction, batches) =>
        writeLedger(
          transaction,
          batches.flatMap(({ passed }) => passed),
        ),
      onCommitted: dispatch.onCommitted,
      onFenced: (partition) => dispatch.forget([partition]),
      onError,
    });

    const highestNumber = async (body: Uint8Array): Promise<NumberReply> => {
      try {
        const { applicationId, integrationId } = NumberRequest.parse(JSON.parse(Buffer.from(body).toString()));
        return { number: (await readMessageCounts(database, applicationId, integrationId)).lastNumber };
      } catch (error) {
        log.warn({ err: error }, 'a running number could not be answered');
        return { error: 'the running number could not be read now' };
      }
    };
    const numbers = bus.serve(NUMBER_SUBJECT, async (_, body) => Buffer.from(JSON.stringify(await highestNumber(body))), {
      queue: 'dispatch',
    });
    closing.push(() => numbers.stop());

    const forgetting = setInterval(() => {
      const applications = [...deleted];
      forget(database, applications).then(() => applications.forEach((id) => deleted.delete(id)), onError);
    }, FORGET_EVERY_MS);
    closing.push(async () => clearInterval(forgetting));

    const app = await NestFactory.createMicroservice<MicroserviceOptions>(
      WorkflowDispatchModule.with(new DispatchContext(bus, database, catalog, follower, log)),
      {
        transport: Transport.NATS,
        // At its end it hears no new requests first, and answers those it has.
        options: { ...nestConnectionOptions(busOptions), queue: 'dispatch', gracefulShutdown: true, gracePeriod: STOP_GRACE_MS },
        logger: nestLogger(log),
        abortOnError: false,
      },
    );
    closing.push(() => app.close());
    await app.listen();
    await app.unwrap<{ flush(): Promise<void> }>().flush();

    const served = new Served((partition) => answer({ bus, follower, dispatch }, partition));
    const ownership = await own({
      bus,
      service: 'dispatch',
      replicaId,
      alone: options.standalone,
      ...(options.timing === undefined ? {} : { timing: options.timing }),
      acquired: async (leases) => {
        await reader.take(leases);
        served.take(leases.map(({ partition }) => partition));
      },
      released: async (leases, why) => {
        await served.release(leases.map(({ partition }) => partition));
        if (why === 'lost') reader.lose(leases);
        else await reader.release(leases);
        dispatch.forget(leases.map(({ partition }) => partition));
      },
      onError,
    });
    closing.push(async () => {
      await reader.stop();
      dispatch.end();
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
