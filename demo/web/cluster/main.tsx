/** The page's entry: asks the server every two seconds, and draws what it answers. */

import "../src/styles/base.css";
import "../src/styles/operators.css";
import "./cluster.css";

import { render } from "preact";

import { usePolled } from "../src/operators/polled";
import { OperatorProblem } from "../src/operators/problem";
import { Hosts } from "./hosts";
import { getReport } from "./report";
import { Rooms } from "./rooms";

function Page() {
  const { answer: report, problem, look } = usePolled(getReport);

  return (
    <main class="operator-page">
      <h1>Cluster</h1>
      <OperatorProblem problem={problem} onSecret={look} />
      {report !== null && (
        <>
          {report.storeAway && (
            <p role="alert" class="card">
              Redis does not answer: what runs goes on, and nobody new sees the rooms of other hosts.
            </p>
          )}
          <Hosts report={report} />
          <Rooms report={report} />
          <Refusals refused={report.refused} />
        </>
      )}
    </main>
  );
}

function Refusals(props: { refused: Record<string, number> }) {
  const reasons = Object.entries(props.refused).filter(([, count]) => count > 0);
  if (reasons.length === 0) return null;
  return (
    <section aria-labelledby="refused">
      <h2 id="refused">Not believed</h2>
      <p class="soft">What stood in Redis and was passed over since this host started:</p>
      <ul>
        {reasons.map(([reason, count]) => (
          <li key={reason}>
            {reason}: {count}
          </li>
        ))}
      </ul>
    </section>
  );
}

const root = document.getElementById("cluster");
if (root !== null) render(<Page />, root);
