// The screens, and who sees them.
import { useQuery } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense } from 'react';
import { Route, Router, Switch } from 'wouter';
import { ForbiddenError, UnauthorizedError } from '../../src/client/errors.ts';
import { dataOf } from '../../src/client/calls.ts';
import { ExecutionScreen } from './execution/execution-screen.tsx';
import { ExecutionsScreen } from './executions/executions-screen.tsx';
import { BASE_PATH } from './session/place.ts';
import { MeProvider, TabProvider, useTab } from './session/session.tsx';
import { Login } from './shell/login.tsx';
import { Shell } from './shell/shell.tsx';
import { Empty, Failed, Loading } from './ui/states.tsx';

/** Loaded when they are asked for: they bring what others do not need. */
const PlanScreen = lazy(async () => ({ default: (await import('./plan/plan-screen.tsx')).PlanScreen }));
const PlansScreen = lazy(async () => ({ default: (await import('./plan/plans-screen.tsx')).PlansScreen }));

const SubmitScreen = lazy(async () => ({
  default: (await import('./submit/submit-screen.tsx')).SubmitScreen,
}));

const ApprovalsScreen = lazy(async () => ({
  default: (await import('./waits/approvals-screen.tsx')).ApprovalsScreen,
}));

const SchedulesScreen = lazy(async () => ({
  default: (await import('./schedules/schedules-screen.tsx')).SchedulesScreen,
}));

const ScheduleScreen = lazy(async () => ({
  default: (await import('./schedules/schedule-screen.tsx')).ScheduleScreen,
}));

const ScheduleForm = lazy(async () => ({
  default: (await import('./schedules/schedule-form.tsx')).ScheduleForm,
}));

const SystemScreen = lazy(async () => ({
  default: (await import('./system/system-screen.tsx')).SystemScreen,
}));

export function App() {
  return (
    <TabProvider>
      <Gate>
        <Router base={BASE_PATH}>
          <Shell>
            <Suspense fallback={<Loading what="the screen" />}>
              <Screens />
            </Suspense>
          </Shell>
        </Router>
      </Gate>
    </TabProvider>
  );
}

function Screens() {
  return (
    <Switch>
      <Route path="/">
        <ExecutionsScreen />
      </Route>
      <Route path="/executions/:id">{({ id }) => <ExecutionScreen key={id} id={id} />}</Route>
      <Route path="/plans">
        <PlansScreen />
      </Route>
      <Route path="/plans/:id">{({ id }) => <PlanScreen key={id} id={id} />}</Route>
      <Route path="/approvals">
        <ApprovalsScreen />
      </Route>
      <Route path="/schedules">
        <SchedulesScreen />
      </Route>
      <Route path="/schedules/new">
        <ScheduleForm />
      </Route>
      <Route path="/schedules/:name">
        {({ name }) => <ScheduleScreen key={name} name={decodeURIComponent(name)} />}
      </Route>
      <Route path="/submit">
        <SubmitScreen />
      </Route>
      <Route path="/system">
        <SystemScreen />
      </Route>
      <Route>
        <Empty title="There is no such page" />
      </Route>
    </Switch>
  );
}

/** Asks for a key where one is needed. */
function Gate({ children }: { children: ReactNode }) {
  const { execd, hasKey } = useTab();
  const { data, error, refetch } = useQuery({
    queryKey: ['me', hasKey],
    queryFn: ({ signal }) => dataOf(execd.api.GET('/v1/me', { signal })),
    staleTime: Infinity,
  });
  if (error instanceof UnauthorizedError) return <Login reason={error.message} />;
  if (error instanceof ForbiddenError) return <Login reason={error.message} />;
  if (error !== null) return <Failed error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <Loading what="the console" />;
  return <MeProvider value={data}>{children}</MeProvider>;
}
