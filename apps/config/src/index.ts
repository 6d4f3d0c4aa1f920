import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { NestFactory } from '@nestjs/core';
import { type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { newResourceId } from '#lib/contracts';
import { parseAllow } from '#lib/egress';
import { EventStore, openDatabase, Relay } from '#lib/event-sourcing';
import { connectBus, nestConnectionOptions } from '#lib/messaging';
import { type Logger, nestLogger, type Readiness, type RunningService } from '#lib/platform';
import { loadMasterKey, SecretKeys } from '#lib/secrets';
import { ConfigModule } from './config.module.ts';
import type { ConfigContext } from './handlers/context.ts';
import { ensureInstanceToken } from './handlers/tokens.ts';
import { Turns } from './handlers/turns.ts';
import { DataKeys } from './persistence/data-keys.ts';
import { migrations } from './persistence/migrations.ts';
import { project, upcasters } from './projection.ts';
import { publishEvent } from './relay.ts';

export interface ConfigOptions {
  readonly natsUrl: string;
  readonly replicaId: string;
  readonly standalone: boolean;
  readonly log: Logger;
  readonly postgresUrl: string;
  readonly masterKeyFile: string;
  /** `SLUICE_EGRESS_ALLOW`. */
  readonly egressAllow: string;
  /** SHA-256 of the instance's token, hexadecimal: that token, and no earlier one, works. Absent: it stays as it is. */
  readonly adminTokenHash?: string;
}

/** The service's own schema in PostgreSQL. */
export const SCHEMA = 'config';
/** How often outcomes of idempotency keys that are too old are forgotten, ms. */
const FORGET_EVERY_MS = 10 * 60_000;
/** How long commands at hand have for their answers when the service stops, ms. */
const STOP_GRACE_MS = 250;

/** The write side: commands to events, events to CONFIG; and the read models of the configuration. */
export async function startConfig(options: ConfigOptions): Promise<RunningService> {
  const { log } = options;
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (let next = stops.pop(); next !== undefined; next = stops.pop()) await next();
  };
  try {
    const secrets = new SecretKeys(await loadMasterKey(options.masterKeyFile));
    const egress = parseAllow(options.egressAllow);
    const database = await openDatabase({ url: options.postgresUrl, schema: SCHEMA, migrations });
    stops.push(() => database.destroy());
    const busOptions = { servers: options.natsUrl, name: `config-${options.replicaId}`, shared: options.standalone };
    const bus = await connectBus(busOptions);
    stops.push(() => bus.close());
    await bus.verify();

    const store = new EventStore(database, { upcasters, project });
    const keys = new DataKeys(database, secrets, bus.kv('KEYS'));
    const context: ConfigContext = {
      store,
      database,
      keys,
      egress,
      log,
      now: Date.now,
      turns: new Turns(),
      newId: () => newResourceId(Date.now(), (bytes) => randomBytes(bytes.length)),
      random: randomBytes,
    };
    if (options.adminTokenHash !== undefined) await ensureInstanceToken(context, options.adminTokenHash);

    const relay = new Relay({
      database,
      store,
      log,
      publish: (event, epoch) => publishEvent(bus, keys, event, epoch),
      target: async () => {
        await keys.refresh();
        return (await bus.streamInfo('CONFIG')).created;
      },
    });
    stops.push(() => relay.stop());

    const forgetting = setInterval(() => {
      store.forgetOutcomes(Date.now()).catch((error: unknown) => log.warn({ err: error }, 'old outcomes could not be forgotten yet'));
    }, FORGET_EVERY_MS);
    stops.push(async () => clearInterval(forgetting));

    const app = await NestFactory.createMicroservice<MicroserviceOptions>(ConfigModule.with(context), {
      transport: Transport.NATS,
      // At its end it hears no new commands first, and answers those it has.
      options: { ...nestConnectionOptions(busOptions), queue: 'config', gracefulShutdown: true, gracePeriod: STOP_GRACE_MS },
      logger: nestLogger(log),
      abortOnError: false,
    });
    stops.push(() => app.close());
    let listening = 'starting';
    app.status.subscribe((status: string) => (listening = status));
    await app.listen();
    // Commands are heard from here on: the server has seen every subscription.
    await app.unwrap<{ flush(): Promise<void> }>().flush();

    const ready = (): Readiness => {
      if (!bus.connected || listening !== 'connected') return { ok: false, reason: 'the bus is away' };
      return relay.trouble === undefined ? { ok: true } : { ok: false, reason: relay.trouble };
    };
    return { ready, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
