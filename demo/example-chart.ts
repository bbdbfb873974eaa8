/** The files of a Helm chart: content by path in the chart's folder. */
export type ChartFiles = Readonly<Record<string, string>>;

/** Options of the example chart. */
export interface ExampleChartOptions {
  /** The name of the chart and its objects. */
  readonly name: string;
  /** `version` of the chart. */
  readonly version: string;
  /** `appVersion` of the chart, and the default image tag. */
  readonly appVersion: string;
  /** The default image repository. */
  readonly image: string;
}

/** A small Helm chart with a Deployment and a Service. It fits the Pod Security level `restricted`. */
export function exampleChart({ name, version, appVersion, image }: ExampleChartOptions): ChartFiles {
  return {
    "Chart.yaml": [
      "apiVersion: v2",
      `name: ${name}`,
      "description: An application of the lab.",
      "type: application",
      `version: ${JSON.stringify(version)}`,
      `appVersion: ${JSON.stringify(appVersion)}`,
      "",
    ].join("\n"),
    "values.yaml": `replicaCount: 1\nmessage: Hello\nimage:\n  repository: ${image}\n  tag: ""\n`,
    "templates/deployment.yaml": deployment,
    "templates/service.yaml": service,
  };
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels:
    app.kubernetes.io/name: {{ .Chart.Name }}
    app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
    helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
spec:
  replicas: {{ .Values.replicaCount }}
  selector:
    matchLabels:
      app.kubernetes.io/name: {{ .Chart.Name }}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: {{ .Chart.Name }}
    spec:
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: {{ .Chart.Name }}
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
          env:
            - name: MESSAGE
              value: {{ .Values.message | quote }}
          ports:
            - name: http
              containerPort: 8080
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop: [ALL]
`;

const service = `apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
  labels:
    app.kubernetes.io/name: {{ .Chart.Name }}
spec:
  selector:
    app.kubernetes.io/name: {{ .Chart.Name }}
  ports:
    - name: http
      port: 80
      targetPort: http
`;
