import { randomUUID } from 'node:crypto';
import { NestFactory } from '@nestjs/core';
import { type ClientProxy, ClientProxyFactory, Transport } from '@nestjs/microservices';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type Bus, type BusOptions, type ConfigChange, connectBus, nestConnectionOptions } from '#lib/messaging';
import { createMetrics, type Logger, type Metrics, nestLogger, type Readiness, type Registry, type RunningService } from '#lib/platform';
import { HEARTBEAT_MS, Viewers } from './activity/viewers.ts';
import { Api, type EdgeHandler } from './api/api.ts';
import { ConfigClient } from './api/config-client.ts';
import { Statuses } from './api/status.ts';
import { TokenBook } from './api/token-book.ts';
import { deadLettersHandler, replayHandler } from './edge/dead-letters.ts';
import { retryHandler } from './edge/retry.ts';
import { testHandler } from './edge/preflight.ts';
import { runsHandler } from './edge/runs.ts';
import { GatewayModule } from './gateway.module.ts';
import { HttpEdge } from './http/http-edge.ts';
import { ProblemFilter } from './http/problem-filter.ts';
import { createHttpAdapter } from './http/server.ts';
import { SystemPages } from './http/system-controller.ts';
import { openApiDocument } from './openapi/document.ts';

export interface GatewayOptions {
  readonly natsUrl: string;
  readonly replicaId: string;
  readonly standalone?: boolean;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** What `/readyz` answers beside the gateway's own state. */
  readonly readiness: () => Readiness;
  readonly log: Logger;
  /** Registries of other services in this process, for `/metrics`. */
  readonly metrics?: readonly Registry[];
}

/** In-flight requests get this long when the gateway stops, ms: longer than any of them may take. */
const FINISH_WITHIN_MS = 12_000;

/** Starts the public edge. It serves once it has read every token from CONFIG. Rejects BusError when the bus can't be reached for 10 s. */
export async function startGateway(options: GatewayOptions): Promise<RunningService & { readonly url: string }> {
  const { log } = options;
  const busOptions: BusOptions = { servers: options.natsUrl, name: `gateway-${options.replicaId}`, shared: options.standalone === true };
  const stops: (() => Promise<unknown>)[] = [];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= stopAll(stops));
  try {
    const bus = await connectBus(busOptions);
    stops.push(() => bus.close());
    await bus.verify();
    const proxy = ClientProxyFactory.create({ transport: Transport.NATS, options: nestConnectionOptions(busOptions) });
    stops.push(async () => proxy.close());
    await proxy.connect();
    const ready = (): Readiness => {
      if (stopping !== undefined) return { ok: false, reason: 'gateway: stopping' };
      if (!bus.connected) return { ok: false, reason: 'gateway: the connection to NATS is lost' };
      return options.readiness();
    };
    const metrics = createMetrics('gateway', { processMetrics: true });
    const { edge, viewers } = await buildEdge(bus, proxy, log, metrics, stops);
    const pages = new SystemPages(ready, [metrics.registry, ...(options.metrics ?? [])], openApiDocument());
    const adapter = createHttpAdapter(log, metrics);
    const app = await NestFactory.create<NestFastifyApplication>(GatewayModule.of({ edge, pages }), adapter, {
      bodyParser: false,
      logger: nestLogger(log),
      abortOnError: false,
    });
    app.useGlobalFilters(new ProblemFilter(log));
    stops.push(() => closeApp(app));
    stops.push(async () => viewers.close()); // open streams would hold it up
    await app.listen(options.port, options.host);
    return { url: (await app.getUrl()).replace('[::1]', '127.0.0.1'), ready, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function buildEdge(bus: Bus, proxy: ClientProxy, log: Logger, metrics: Metrics, stops: (() => Promise<unknown>)[]) {
  const now = Date.now;
  const config = new ConfigClient(proxy, log);
  const tokens = new TokenBook((hash) => config.findToken(hash), now);
  const watching = metrics.gauge('sluice_gateway_viewers', 'Streams of activity that are open');
  const viewers = new Viewers(now, (count) => watching.set(count));
  const follower = await bus.followConfig(['token', 'application'], (change) => {
    tokens.apply(change);
    dropWatchers(viewers, change);
  });
  stops.push(() => follower.stop());
  const activities = await bus.followActivity((activity) => viewers.show(activity));
  stops.push(() => activities.stop());
  const beat = setInterval(() => viewers.heartbeat(), HEARTBEAT_MS);
  stops.push(async () => clearInterval(beat));
  const test = testHandler(bus, config, now);
  const handlers: Record<string, EdgeHandler> = {
    'integration.retry': retryHandler(bus, config),
    'integrations.test': test,
    'integration.test': test,
    'deadLetters.get': deadLettersHandler(bus),
    'deadLetter.replay': replayHandler(bus, randomUUID, () => new Date()),
    'runs.get': runsHandler(bus),
  };
  const api = new Api({ tokens, config, statuses: new Statuses(bus, log, now), follower, bus, edge: handlers, log });
  return { edge: new HttpEdge(api, viewers), viewers };
}

/** A stream ends with its token, and with its application. */
function dropWatchers(viewers: Viewers, change: ConfigChange): void {
  if (change.kind === 'application' && change.state === null) viewers.drop({ applicationId: change.id });
  if (change.kind !== 'token') return;
  const state = change.state as { status?: string } | null;
  if (state?.status !== 'active') viewers.drop({ tokenId: change.id });
}

/** Takes no new connection, ends those that are idle, finishes requests that are in flight. */
async function closeApp(app: NestFastifyApplication): Promise<void> {
  const late = setTimeout(() => app.getHttpServer().closeAllConnections(), FINISH_WITHIN_MS);
  try {
    await app.close();
  } finally {
    clearTimeout(late);
  }
}

async function stopAll(stops: (() => Promise<unknown>)[]): Promise<void> {
  for (let next = stops.pop(); next !== undefined; next = stops.pop()) await next();
}
