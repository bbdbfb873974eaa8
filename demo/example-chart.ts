/** The files of a Helm chart: path relative to the chart's folder, and content. */
export type ChartFiles = Readonly<Record<string, string>>;

/** What a release of the example application is called. */
export interface ExampleChartOptions {
  /** The chart's name, which its objects carry too. */
  readonly name: string;
  /** `version` of the chart. */
  readonly version: string;
  /** `appVersion` of the chart, which is also the image tag that it deploys by default. */
  readonly appVersion: string;
  /** The image repository that it deploys by default. */
  readonly image: string;
}

/** A small Helm chart that renders to a Deployment and a Service, fit for a namespace with the restricted Pod Security level. */
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
