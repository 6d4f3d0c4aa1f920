import { type Bus, connectBus, migrateBus } from '#lib/messaging';
import { createLogger, type Readiness } from '#lib/platform';
import { startTestNats, type TestNats } from '../servers/nats.ts';
import { startGateway } from '../../apps/gateway/src/index.ts';
import { aToken, anApplication, ScriptedConfig } from './scripted-config.ts';

export const APP = 'aaaaaaaaaaaaaaaaaaaaaaaa';
export const FOREIGN = 'bbbbbbbbbbbbbbbbbbbbbbbb';
export const INTEGRATION = 'cccccccccccccccccccccccc';

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
}

/** A gateway on a real bus, whose config is scripted. `APP` and `FOREIGN` exist, and the tokens `admin` (instance), `app` and `reader` (of APP). */
export interface StartedGateway {
  readonly url: string;
  readonly nats: TestNats;
  readonly bus: Bus;
  readonly config: ScriptedConfig;
  readonly logLines: string[];
  readiness: Readiness;
  call(method: string, path: string, options?: { token?: string; body?: unknown; headers?: Record<string, string> }): Promise<Answer>;
  stopGateway(): Promise<void>;
  stop(): Promise<void>;
}

export async function startedGateway(): Promise<StartedGateway> {
  const nats = await startTestNats();
  await migrateBus({ servers: nats.url, name: 'test-migrate' }, { streamBytes: 64 * 1024 * 1024, replicas: 1 });
  const bus = await connectBus({ servers: nats.url, name: 'test' });
  const config = ScriptedConfig.start(bus);
  for (const id of [APP, FOREIGN]) await config.publish('application', id, anApplication(id));
  await config.publish('token', '111111111111111111111111', aToken('111111111111111111111111', 'admin'));
  const owned = (id: string, token: string, scope: string[]) =>
    config.publish('token', id, aToken(id, token, { applicationId: APP, scope }));
  await owned('222222222222222222222222', 'app', ['all.Application']);
  await owned('333333333333333333333333', 'reader', ['all.Application.read']);
  const logLines: string[] = [];
  const log = createLogger({ service: 'gateway', level: 'debug', destination: { write: (line) => logLines.push(line) } });
  const started = { readiness: { ok: true } as Readiness };
  const gateway = await startGateway({
    natsUrl: nats.url,
    replicaId: 'r1',
    host: '127.0.0.1',
    port: 0,
    readiness: () => started.readiness,
    log,
  });
  return Object.assign(started, {
    url: gateway.url,
    nats,
    bus,
    config,
    logLines,
    call: (method: string, path: string, options = {}) => call(gateway.url, method, path, options),
    stopGateway: () => gateway.stop(),
    stop: async () => {
      await gateway.stop();
      await bus.close();
      await nats.stop();
    },
  });
}

async function call(
  url: string,
  method: string,
  path: string,
  { token = 'app', body, headers = {} }: { token?: string; body?: unknown; headers?: Record<string, string> },
): Promise<Answer> {
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  const answer = await fetch(url + path, {
    method,
    headers: {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}
