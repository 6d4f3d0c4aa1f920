import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { createMetrics, nestLogger, type Registry, type RunningService } from '#lib/platform';
import { CONNECTOR, ConnectorModule } from './connector.module.ts';
import type { ConnectorOptions } from './service.ts';

export type StartConnectorOptions = Omit<ConnectorOptions, 'metrics'> & {
  /** Also CPU, memory and event-loop lag: for a process of its own. */
  readonly processMetrics?: boolean;
};

/** Holds the live connections of one provider's integrations: receives, sends, and says how they are. */
export async function startConnector(options: StartConnectorOptions): Promise<RunningService & { readonly metrics: Registry }> {
  const { processMetrics = false, ...rest } = options;
  const metrics = createMetrics('connector', { processMetrics });
  const app = await NestFactory.createApplicationContext(ConnectorModule.with({ ...rest, metrics }), {
    logger: nestLogger(options.log),
    abortOnError: false,
  });
  const connector = app.get<RunningService>(CONNECTOR);
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await connector.stop();
    await app.close();
  };
  return { metrics: metrics.registry, ready: () => connector.ready(), stop: () => (stopping ??= stop()) };
}
