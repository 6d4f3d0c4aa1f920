import { type DynamicModule, Module } from '@nestjs/common';
import type { RunningService } from '#lib/platform';
import { openConnector, type ConnectorOptions } from './service.ts';

/** The token under which the module provides the running service. */
export const CONNECTOR = Symbol('connector');

/** The connector's one Nest module: a plain object made by a factory. */
@Module({})
export class ConnectorModule {
  static with(options: ConnectorOptions): DynamicModule {
    return {
      module: ConnectorModule,
      providers: [{ provide: CONNECTOR, useFactory: (): Promise<RunningService> => openConnector(options) }],
    };
  }
}
