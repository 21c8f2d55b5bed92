/** The page's entry: asks the server every two seconds, and draws what it answers. */

import "../src/styles/base.css";
import "../src/styles/operator-page.css";
import "./cluster.css";

import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { Refused } from "../src/media/operator";
import { OperatorProblem } from "../src/views/operator-problem";
import { Hosts } from "./hosts";
import { getReport } from "./report";
import type { Report } from "./report";
import { Rooms } from "./rooms";

const INTERVAL_MS = 2000;

function Page() {
  const [report, setReport] = useState<Report | null>(null);
  const [problem, setProblem] = useState<Error | null>(null);
  const look = useRef<() => void>(() => undefined);

  useEffect(() => {
    let timer = 0;
    let over = false;
    const lookAgain = async () => {
      window.clearTimeout(timer);
      try {
        setReport(await getReport());
        setProblem(null);
      } catch (error) {
        setProblem(error instanceof Error ? error : new Error(String(error)));
        if (error instanceof Refused) setReport(null);
      }
      window.clearTimeout(timer);
      if (!over) timer = window.setTimeout(lookAgain, INTERVAL_MS);
    };
    look.current = () => void lookAgain();
    void lookAgain();
    return () => {
      over = true;
      window.clearTimeout(timer);
    };
  }, []);

  return (
    <main class="operator-page">
      <h1>Cluster</h1>
      <OperatorProblem problem={problem} onSecret={() => look.current()} />
      {report !== null && (
        <>
          {report.storeAway && (
            <p role="alert" class="problem">
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
