import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { nestLogger, type RunningService } from '#lib/platform';
import type { RunnerOptions } from './service.ts';
import { RUNNER, WorkflowRunnerModule } from './workflow-runner.module.ts';

export type { RunnerOptions } from './service.ts';

/** Runs workflows: reads TRIGGERED, runs the nodes, sends outputs through the connectors, and commits how the runs ended. */
export async function startRunner(options: RunnerOptions): Promise<RunningService> {
  const app = await NestFactory.createApplicationContext(WorkflowRunnerModule.with(options), {
    logger: nestLogger(options.log),
    abortOnError: false,
  });
  const runner = app.get<RunningService>(RUNNER);
  return {
    ready: () => runner.ready(),
    stop: async () => {
      await runner.stop();
      await app.close();
    },
  };
}
