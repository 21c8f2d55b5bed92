/** How loud a track is, for meters. */

import { useEffect, useState } from "preact/hooks";

const STEP_MS = 80;

/** 0 (silence) to 1 (full scale), about twelve times a second; 0 while there is no track. */
export function useAudioLevel(track: MediaStreamTrack | null): number {
  const [level, setLevel] = useState(0);
  useEffect(() => {
    setLevel(0);
    if (!track || typeof AudioContext === "undefined") return;
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const rms = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
      // -60 dB and below is silence to a meter.
      setLevel(rms > 0 ? Math.min(1, Math.max(0, 1 + Math.log10(rms) / 3)) : 0);
    }, STEP_MS);
    return () => {
      clearInterval(timer);
      void context.close();
    };
  }, [track]);
  return level;
}
