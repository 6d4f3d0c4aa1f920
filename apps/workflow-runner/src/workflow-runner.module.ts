import { type DynamicModule, Module } from '@nestjs/common';
import type { RunningService } from '#lib/platform';
import { openRunner, type RunnerOptions } from './service.ts';

/** The token under which the module provides the running service. */
export const RUNNER = Symbol('runner');

/** The runner's one Nest module: a plain object made by a factory. */
@Module({})
export class WorkflowRunnerModule {
  static with(options: RunnerOptions): DynamicModule {
    return {
      module: WorkflowRunnerModule,
      providers: [{ provide: RUNNER, useFactory: (): Promise<RunningService> => openRunner(options) }],
    };
  }
}
