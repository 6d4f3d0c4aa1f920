import { type DynamicModule, Module } from '@nestjs/common';
import type { ConfigContext } from './handlers/context.ts';
import { Answering } from './transport/answering.ts';
import { ApplicationController } from './transport/application.controller.ts';
import { CredentialController } from './transport/credential.controller.ts';
import { FlowVersionController } from './transport/flow-version.controller.ts';
import { IntegrationController } from './transport/integration.controller.ts';
import { TokenController } from './transport/token.controller.ts';
import { WorkflowController } from './transport/workflow.controller.ts';

/** Commands and queries from the bus to the handlers, which know nothing of it. */
@Module({})
export class ConfigModule {
  static with(context: ConfigContext): DynamicModule {
    return {
      module: ConfigModule,
      controllers: [
        ApplicationController,
        IntegrationController,
        CredentialController,
        WorkflowController,
        FlowVersionController,
        TokenController,
      ],
      providers: [{ provide: Answering, useFactory: () => new Answering(context) }],
    };
  }
}
