// What a run would take, from the controller's plan to the contract's view. Pure.
import type { PlanChoiceView, RunPlanView } from "@tequio/contract";
import type { PlanChoice, RunPlan } from "@tequio/core/controller";

/** The plan with whole tokens and bytes. */
export const planView = ({ parameters, sites, choices }: RunPlan): RunPlanView => ({
  parameters,
  sites: [...sites],
  choices: choices.map(choiceView),
});

function choiceView({ forecast, ...choice }: PlanChoice): PlanChoiceView {
  const { siteIds, innerSteps, codecUp, costMicro, pace, why } = choice;
  const { durationMs, startMs, rounds, roundMs, tokensPerSecond, computing } = forecast;
  return {
    ...{ sites: [...siteIds], innerSteps, costMicro, pace, why },
    ...(codecUp === null ? {} : { codecUp }),
    ...{ durationMs, startMs, rounds, roundMs, tokensPerSecond, computing },
    tokens: Math.round(forecast.tokens),
    bytesUp: Math.round(forecast.bytesUp),
    bytesDown: Math.round(forecast.bytesDown),
  };
}
