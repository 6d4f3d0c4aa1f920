import { type DynamicModule, Module } from '@nestjs/common';
import { OPERATIONS } from '#lib/contracts';
import { apiController } from './http/api-controller.ts';
import { HttpEdge } from './http/http-edge.ts';
import { SystemController, SystemPages } from './http/system-controller.ts';

export interface GatewayModuleParts {
  readonly edge: HttpEdge;
  readonly pages: SystemPages;
}

/** The gateway's one Nest module: controllers over plain objects that are made elsewhere. */
@Module({})
export class GatewayModule {
  static of({ edge, pages }: GatewayModuleParts): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [SystemController, apiController(OPERATIONS)],
      providers: [
        { provide: HttpEdge, useValue: edge },
        { provide: SystemPages, useValue: pages },
      ],
    };
  }
}
