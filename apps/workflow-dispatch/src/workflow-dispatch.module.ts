import { type DynamicModule, Module } from '@nestjs/common';
import { DispatchContext } from './transport/context.ts';
import { DispatchController } from './transport/dispatch.controller.ts';

/** Commands and queries from the bus to the handlers. */
@Module({})
export class WorkflowDispatchModule {
  static with(context: DispatchContext): DynamicModule {
    return {
      module: WorkflowDispatchModule,
      controllers: [DispatchController],
      providers: [{ provide: DispatchContext, useValue: context }],
    };
  }
}
