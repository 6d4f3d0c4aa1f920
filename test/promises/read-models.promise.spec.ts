import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientProxy, ClientProxyFactory, Transport } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApplicationState, IntegrationState, Reply, TokenState, WorkflowState } from '#lib/contracts';
import { EventStore, openDatabase, rebuildReadModels, type StoredEvent, upcast } from '#lib/event-sourcing';
import { migrateBus, nestConnectionOptions } from '#lib/messaging';
import { createLogger, type RunningService } from '#lib/platform';
import { createMasterKeyFile } from '#lib/secrets';
import { SCHEMA, startConfig } from '../../apps/config/src/index.ts';
import { migrations } from '../../apps/config/src/persistence/migrations.ts';
import { project, upcasters } from '../../apps/config/src/projection.ts';
import { startTestNats, type TestNats } from '../servers/nats.ts';
import { startTestPostgres, type TestPostgres } from '../servers/postgres.ts';
import { LONG, recordFigure } from './figures.ts';

const COMMANDS = LONG ? 5_000 : 500;

let postgres: TestPostgres;
let nats: TestNats;
let service: RunningService;
let proxy: ClientProxy;
let database: DataSource;
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-promise6-'));
  const masterKeyFile = join(dir, 'master-key');
  [postgres, nats] = await Promise.all([startTestPostgres(), startTestNats(), createMasterKeyFile(masterKeyFile)]);
  const bus = { servers: nats.url, name: 'test' };
  await migrateBus(bus, { streamBytes: 1024 * 1024 * 1024, replicas: 1 });
  const log = createLogger({ service: 'config', level: 'silent' });
  service = await startConfig({
    natsUrl: nats.url,
    replicaId: 'test',
    standalone: true,
    log,
    postgresUrl: postgres.url,
    masterKeyFile,
    egressAllow: 'loopback',
  });
  proxy = ClientProxyFactory.create({ transport: Transport.NATS, options: nestConnectionOptions(bus) });
  database = await openDatabase({ url: postgres.url, schema: SCHEMA, migrations });
});
afterAll(async () => {
  await proxy.close();
  await service.stop();
  await database.destroy();
  await Promise.all([postgres.stop(), nats.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

const command = async (subject: string, applicationId: string, id: string | undefined, input: unknown): Promise<string | undefined> => {
  const envelope = { applicationId, id, actor: { type: 'user', id: 'someone' }, instance: true, scopes: ['all.Instance'], input };
  const reply = Reply.parse(await firstValueFrom(proxy.send<unknown>(`command.${subject}`, envelope)));
  if (!reply.ok && reply.error.type !== 'NotFound') throw new Error(`${subject}: ${reply.error.message}`);
  return reply.ok ? (reply.result as { id?: string }).id : undefined;
};

const pick = <T>(from: readonly T[]): T | undefined => from[randomInt(Math.max(1, from.length))];
const word = (): string => randomInt(1e9).toString(36);
const mqttConfig = (): object => ({ protocol: 'mqtt', host: '127.0.0.1', port: 1883, username: word(), password: word() });

/** Makes, changes and removes whatever there is, at random. */
class Life {
  readonly #applications: string[] = [];
  readonly #things: { kind: string; application: string; id: string }[] = [];

  async step(): Promise<void> {
    const application = pick(this.#applications);
    const dice = randomInt(100);
    if (application === undefined || dice < 4) return await this.#makeApplication();
    if (dice < 5) return void (await command('application.delete', application, application, {}));
    if (dice < 15)
      return void (await command('application.setGlobals', application, application, [{ key: `k${randomInt(5)}`, json: `"${word()}"` }]));
    if (dice < 50) return await this.#make(application);
    const thing = pick(this.#things);
    if (thing === undefined) return;
    const { kind, id } = thing;
    if (dice < 90)
      await command(`${kind}.update`, thing.application, id, kind === 'integration' ? { mqttConfig: mqttConfig() } : { name: word() });
    else await command(`${kind}.delete`, thing.application, id, {});
  }

  async #makeApplication(): Promise<void> {
    const id = await command('application.create', '-', undefined, { name: word(), secretGlobals: ['k0'] });
    if (id !== undefined) this.#applications.push(id);
  }

  async #make(application: string): Promise<void> {
    const inputs = {
      integration: { name: word(), integrationType: 'mqtt', topics: [word()], mqttConfig: mqttConfig() },
      workflow: {
        name: word(),
        triggers: [{ type: 'timer', config: { seconds: 5.5 } }],
        nodes: [{ type: 'DebugNode', config: { a: [1e21, -0.5] } }],
      },
      token: { name: word(), scope: ['integration.get'] },
    };
    const kind = pick(Object.keys(inputs) as (keyof typeof inputs)[]) ?? 'token';
    const id = await command(`${kind}.create`, application, undefined, inputs[kind]);
    if (id !== undefined) this.#things.push({ kind, application, id });
  }
}

const dump = async (): Promise<string> => {
  const rows: { row: string }[] = await database.query('select m::text as row from read_models m order by kind, id');
  return rows.map(({ row }) => row).join('\n');
};

const STATES = { application: ApplicationState, integration: IntegrationState, workflow: WorkflowState, token: TokenState };

describe('promise 6: read models', () => {
  it('made anew from event one are the live ones, byte for byte, also while commands go on', { timeout: 240_000 }, async () => {
    const life = new Life();
    for (let n = 0; n < COMMANDS; n++) await life.step();
    const store = new EventStore(database, { upcasters, project });
    const live = await dump();
    const quiet = await rebuildReadModels(database, store, project, () => undefined);
    const equal = (await dump()) === live;

    let rebuilding = true;
    const steps = (async (): Promise<number> => {
      let done = 0;
      for (; rebuilding || done < 20; done++) await life.step();
      return done;
    })();
    const busy = await rebuildReadModels(database, store, project, () => undefined);
    rebuilding = false;
    const during = await steps;
    const after = await dump();
    const again = await rebuildReadModels(database, store, project, () => undefined);
    const stillEqual = (await dump()) === after;

    const differences = quiet.differences + busy.differences + again.differences;
    recordFigure({
      promise: 6,
      what: `${quiet.events} events replayed to ${Buffer.byteLength(live)} bytes of read models; again while ${during} commands went on`,
      figure: `${differences} differences, ${equal && stillEqual ? 'byte-equal' : 'NOT byte-equal'}`,
      holds: differences === 0 && equal && stillEqual,
    });
    expect(live.length).toBeGreaterThan(1_000);
    expect({ differences, equal, stillEqual }).toEqual({ differences: 0, equal: true, stillEqual: true });
  });

  it('every version of an event that was ever stored still loads', () => {
    const history = JSON.parse(readFileSync(join(import.meta.dirname, 'history', 'events.json'), 'utf8')) as StoredEvent[];
    const unreadable = history.filter((event) => {
      const { state, kind } = upcast(upcasters, event);
      return state !== null && !STATES[kind as keyof typeof STATES].safeParse(state).success;
    });
    const versions = new Set(history.map(({ type, schemaVersion }) => `${type} ${schemaVersion}`));
    recordFigure({
      promise: 6,
      what: 'stored events of every version, as they were written',
      figure: `${versions.size - unreadable.length} of ${versions.size} load`,
      holds: unreadable.length === 0 && versions.size >= 12,
    });
    expect(unreadable).toEqual([]);
    // An entry is added to the file, from a real database, when a state's version is raised.
    expect(versions.size).toBeGreaterThanOrEqual(12);
  });
});
